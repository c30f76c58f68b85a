"""How a sound's place on the map compares with where UMAP would put it: `python -m tests.bench.place` prints a table.

UMAP is fitted to the gallery anew, as the map was, and transforms the projected tokens of the example sounds: each by
itself, after its compiler is warm, and then all at once, for which it draws other lots. It lets all clips push a new
point, so that it comes to lie in a gap between them; here it lies among its nearest clips (`atlas.place`).
"""

import statistics
import time
import warnings

import numpy as np

from soundclip_demo import atlas
from soundclip_demo.config import Config, limit_threads
from soundclip_demo.encoders import ENCODERS
from soundclip_demo.engine import Engine
from soundclip_demo.events import Setting


def main() -> None:
    limit_threads()
    engine = Engine(Config())
    sounds = sorted(engine.config.examples.glob("*.ogg"))
    tokens = [engine.embed_file(sound, Setting(encoder))[1].numpy() for encoder in ENCODERS for sound in sounds]
    index, coordinates = engine.parts.index(engine.gallery), engine.gallery.coordinates
    near = [index.search(token, atlas.NEIGHBOURS) for token in tokens]
    reducer = atlas.fitted(np.asarray(engine.gallery.tokens, np.float32))
    print(f"fitted anew, the map's clips lie {np.abs(reducer.embedding_ - coordinates).max():.4f} away at most")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs, slow = timed(lambda token: reducer.transform(token[None])[0], tokens)
        again = reducer.transform(np.array(tokens))
    ours, quick = timed(lambda found: atlas.place(found, coordinates), near)
    best = coordinates[[found.ids[0] for found in near]]
    diagonal = float(np.linalg.norm(np.ptp(coordinates, axis=0)))
    print(f"{len(tokens)} sounds, umap {slow:.2f} ms, here {quick:.3f} ms: {slow / quick:.0f} times quicker")
    print(f"{'distance in parts of the diagonal':34} {'quarter':>8} {'median':>8} {'3/4':>8} {'95 %':>8}")
    pairs = {
        "here from UMAP": (ours, theirs),
        "UMAP of all at once from UMAP": (again, theirs),
        "here from the best match": (ours, best),
        "UMAP from the best match": (theirs, best),
    }
    for title, (places, others) in pairs.items():
        away = np.linalg.norm(np.array(places) - np.array(others), axis=1) / diagonal
        print(f"{title:34} " + " ".join(f"{share:8.2%}" for share in np.quantile(away, (0.25, 0.5, 0.75, 0.95))))


def timed(place, given) -> tuple[list, float]:
    """The results, and milliseconds each in the median; the first is done twice."""
    place(given[0])
    results, taken = [], []
    for one in given:
        began = time.perf_counter()
        results.append(place(one))
        taken.append(1e3 * (time.perf_counter() - began))
    return results, statistics.median(taken)


if __name__ == "__main__":
    main()
