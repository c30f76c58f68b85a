"""The command line: JSON to standard output, progress to standard error.

    python -m soundclip_demo analyze SOUND [--encoder whisperclip] [--mode projected] [--blend T] [--top 5]
    python -m soundclip_demo compare SOUND [--json]
    python -m soundclip_demo report SOUND --out report.html [--with-sound]
    python -m soundclip_demo embed FILES... --encoder E --mode M --out tokens.npz
    python -m soundclip_demo embed-video FILES... --out tokens.npz
    python -m soundclip_demo gallery build FOLDER --out GALLERY [--captions CSV] [--annotations JSONL]
    python -m soundclip_demo gallery index GALLERY [--engine lancedb]
    python -m soundclip_demo encoders [--json]
    python -m soundclip_demo fetch
    python -m soundclip_demo serve --socket PATH

All of them take `--suite compact` or `--suite paper`.
"""

import argparse
import json
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from . import indexes
from .config import Config, config_of, limit_threads
from .encoders import ENCODERS, statuses
from .errors import UserError
from .events import MODES, PROTOCOLS, Setting
from .flags import config_from, engine_flags
from .parts import NotReady
from .suites import SUITES


def main(arguments: list[str] | None = None) -> int:
    """Runs one command -> exit status: 2 for what the caller can mend, as argparse has it, 1 for a missing part."""
    args = _parser().parse_args(arguments)
    try:
        return args.run(args) or 0
    except (UserError, NotReady) as error:
        print(error, file=sys.stderr)
        return 2 if isinstance(error, UserError) else 1


def _analyze(args: argparse.Namespace) -> None:
    from .engine import Engine
    from .results import analyze

    limit_threads()
    setting = _setting(args, top=args.top, protocol=args.protocol, caption=not args.no_caption)
    result = analyze(Engine(config_of(args.suite, args.gallery)), args.sound, setting, args.start)
    print(json.dumps(result, indent=None if args.json else 1, ensure_ascii=False))


def _compare(args: argparse.Namespace) -> None:
    from .engine import Engine
    from .results import comparison

    limit_threads()
    result = comparison(Engine(config_of(args.suite, args.gallery)), args.sound)
    if args.json:
        print(json.dumps(result, ensure_ascii=False))
        return
    for row in result["rows"]:
        said = row["reason"]
        if row["match"]:
            mark = "above chance" if row["above_chance"] else "no better than chance"
            said = f"{row['match']['category']:20} {row['match']['score']:5.2f}  {mark:21} {row['ms']['all']:7.1f} ms"
        print(f"{row['title']:28} {row['mode'] or '':9}  {said}")


def _report(args: argparse.Namespace) -> None:
    """Raw beside the wanted setting, as on the page."""
    from . import record, report, tradeoff
    from .engine import Engine
    from .results import gather

    limit_threads()
    engine = Engine(config_of(args.suite, args.gallery))
    wanted = _setting(args, protocol=args.protocol, caption=not args.no_caption)
    settings = dict.fromkeys([replace(wanted, mode="raw"), wanted])
    kept = record.make(engine, args.sound.name, [gather(engine, args.sound, s, args.start) for s in settings])
    sound = engine.load_sound(args.sound)
    measured = tradeoff.read(engine.config.results / f"{args.suite}.json")
    page = report.page(kept, sound, args.sound if args.with_sound else None, measured)
    args.out.write_text(page, encoding="utf-8")
    print(json.dumps({"report": str(args.out), "columns": [result.setting.mode for result in kept.results]}))


def _embed(args: argparse.Namespace) -> None:
    from .engine import Engine

    limit_threads()
    engine = Engine(config_of(args.suite, args.gallery))
    rows = [engine.embed_file(file, _setting(args)) for file in args.files]
    embeddings, tokens = (np.stack([row[i].numpy() for row in rows]) for i in (0, 1))
    np.savez(args.out, files=np.array(args.files), embedding=embeddings, token=tokens)


def _embed_video(args: argparse.Namespace) -> None:
    from .engine import Engine

    limit_threads()
    engine = Engine(config_of(args.suite, args.gallery))
    tokens = np.stack([engine.look_at(file)[0].numpy() for file in args.files])
    np.savez(args.out, files=np.array(args.files), token=tokens)


def _gallery_build(args: argparse.Namespace) -> None:
    from .gallery_build import build

    limit_threads()
    count = build(args.folder, args.out, args.captions, config_of(args.suite), args.annotations)
    print(json.dumps({"gallery": str(args.out), "clips": count}))


def _gallery_index(args: argparse.Namespace) -> None:
    limit_threads()
    indexes.build(args.folder, args.engine)
    from . import gallery_large  # only now: without pyarrow it says so, and the index is there

    gallery_large.build(args.folder)
    print(json.dumps({"gallery": str(args.folder)}))


def _encoders(args: argparse.Namespace) -> None:
    from .results import encoder_table

    rows = encoder_table(statuses(config_of(args.suite)))
    if args.json:
        print(json.dumps(rows))
    else:
        for row in rows:
            print(f"{row['suite']:8} {row['title']:28} {'ready' if row['ready'] else 'not ready':10} {row['reason']}")


def _fetch(args: argparse.Namespace) -> int:
    from tqdm import tqdm

    from . import weights

    failed = 0
    wanted = {part: source for part, source in weights.SOURCES.items() if source.suite == args.suite}
    for part, source in wanted.items():
        with tqdm(desc=source.title, unit="B", unit_scale=True) as bar:

            def show(_: str, done: int, size: int, bar: tqdm = bar) -> None:
                bar.total = size
                bar.update(done - bar.n)

            try:
                weights.ensure(part, Config().cache, show)
            except weights.WeightsError as error:
                failed = 1
                print(error, file=sys.stderr)
    print(json.dumps({part: weights.present(part, Config().cache) for part in wanted}))
    return failed


def _serve(args: argparse.Namespace) -> None:
    from .engine import Engine
    from .serving import listen, server

    listener = listen(args.socket)  # first, so that pages started at the same time wait
    limit_threads()
    engine = Engine(config_from(args))
    engine.warm()
    print(json.dumps({"socket": str(args.socket)}), flush=True)
    with suppress(KeyboardInterrupt):
        server(engine).run([listener])


def _setting(args: argparse.Namespace, **more: object) -> Setting:
    """`--blend T` alone means mode blend."""
    if args.blend is None:
        return Setting(encoder=args.encoder, mode=args.mode, **more)
    return Setting(encoder=args.encoder, mode="blend", t=args.blend, **more)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("soundclip_demo", description="A sound in; matching clips, a caption, a map.")
    verbs = parser.add_subparsers(required=True, metavar="command")
    suite = argparse.ArgumentParser(add_help=False)
    suite.add_argument("--suite", choices=list(SUITES), default=Config.suite, help="whose checkpoints are used")
    where = argparse.ArgumentParser(add_help=False, parents=[suite])
    where.add_argument("--gallery", type=Path, help="a folder made by `gallery build`")
    setting = argparse.ArgumentParser(add_help=False, parents=[where])
    setting.add_argument("--encoder", default=Setting.encoder, choices=list(ENCODERS))
    setting.add_argument("--mode", default=Setting.mode, choices=MODES)
    setting.add_argument("--blend", type=float, metavar="T", help="mode blend: (1 - T) raw + T projected")

    analyze = verbs.add_parser("analyze", parents=[setting], help="matches, caption and map of one sound")
    analyze.add_argument("sound", help="a sound file, or a video with sound")
    analyze.add_argument("--start", type=float, help="start of the window in seconds (default: the loudest)")
    analyze.add_argument("--top", type=int, default=Setting.top)
    analyze.add_argument("--protocol", choices=PROTOCOLS, help="LLaVA's (default: tuned where there is an adapter)")
    analyze.add_argument("--no-caption", action="store_true")
    analyze.add_argument("--json", action="store_true", help="on one line")
    analyze.set_defaults(run=_analyze)

    report = verbs.add_parser("report", parents=[setting], help="one HTML file: raw beside the wanted setting")
    report.add_argument("sound", type=Path, help="a sound file, or a video with sound")
    report.add_argument("--out", type=Path, required=True)
    report.add_argument("--start", type=float, help="start of the window in seconds (default: the loudest)")
    report.add_argument("--protocol", choices=PROTOCOLS, help="LLaVA's (default: tuned where there is an adapter)")
    report.add_argument("--no-caption", action="store_true")
    report.add_argument("--with-sound", action="store_true", help="put the sound itself into the file")
    report.set_defaults(run=_report)

    compare = verbs.add_parser("compare", parents=[where], help="best clip and times of every encoder in both modes")
    compare.add_argument("sound", help="a sound file, or a video with sound")
    compare.add_argument("--json", action="store_true", help="on one line, instead of a table")
    compare.set_defaults(run=_compare)

    embed = verbs.add_parser("embed", parents=[setting], help="embeddings and tokens of sounds, as .npz")
    embed.add_argument("files", nargs="+")
    embed.add_argument("--out", type=Path, required=True)
    embed.set_defaults(run=_embed)

    video = verbs.add_parser("embed-video", parents=[where], help="CLIP tokens of videos, as .npz")
    video.add_argument("files", nargs="+")
    video.add_argument("--out", type=Path, required=True)
    video.set_defaults(run=_embed_video)

    gallery = verbs.add_parser("gallery", help="galleries of one's own videos").add_subparsers(required=True)
    build = gallery.add_parser("build", parents=[suite], help="make a gallery of a folder of videos")
    build.add_argument("folder", type=Path)
    build.add_argument("--out", type=Path, required=True)
    build.add_argument("--captions", type=Path, help="csv with file, caption and, if wanted, category and licence")
    build.add_argument("--annotations", type=Path, help="alignment scores: lines of `python -m training annotate`")
    build.set_defaults(run=_gallery_build)
    index = gallery.add_parser("index", help="make a gallery of many clips quick to search and to open")
    index.add_argument("folder", type=Path, help="the gallery")
    index.add_argument("--engine", choices=list(indexes.ENGINES), default="faiss", help="what searches it")
    index.set_defaults(run=_gallery_index)

    listing = verbs.add_parser("encoders", parents=[suite], help="every encoder in both suites: ready or why not")
    listing.add_argument("--json", action="store_true")
    listing.set_defaults(run=_encoders)

    fetch = verbs.add_parser("fetch", parents=[suite], help="get every checkpoint of a suite now")
    fetch.set_defaults(run=_fetch)

    serve = verbs.add_parser("serve", parents=[engine_flags()], help="own the models of several pages: app.py --engine")
    serve.add_argument("--socket", type=Path, required=True, help="where to answer; only this user can reach it")
    serve.set_defaults(run=_serve)
    return parser


if __name__ == "__main__":
    sys.exit(main())
