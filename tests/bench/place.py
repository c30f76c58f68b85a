"""How a sound's place on the map compares with where UMAP would put it: `python -m tests.bench.place` prints a table.

UMAP is fitted to the gallery anew, as the map was and then as UMAP comes, and transforms the projected tokens of the
example sounds: each by itself, after its compiler is warm, and then all at once, for which it draws other lots. Below
stand how often its lots put a token elsewhere that lies elsewhere here, and how often another; and which part of a
token's nearest clips are among the clips that lie nearest to its place.
"""

import statistics
import time
import warnings

import numpy as np
from scipy.spatial import cKDTree

from soundclip_demo import atlas
from soundclip_demo.config import Config, limit_threads
from soundclip_demo.encoders import ENCODERS
from soundclip_demo.engine import Engine
from soundclip_demo.events import Setting
from soundclip_demo.landscape import Landscape

from .machine import bandwidth

ELSEWHERE = 0.03  # of the diagonal: in another dip of the loss


def main() -> None:
    limit_threads()
    engine = Engine(Config())
    sounds = sorted(engine.config.examples.glob("*.ogg"))
    tokens = [engine.embed_file(sound, Setting(encoder))[1].numpy() for encoder in ENCODERS for sound in sounds]
    near = [engine.parts.index(engine.gallery).search(token, atlas.NEIGHBOURS) for token in tokens]
    gallery = np.asarray(engine.gallery.tokens, np.float32)
    settled = atlas.fitted(gallery)
    away = np.abs(settled.embedding_ - engine.gallery.coordinates).max()
    print(f"{len(tokens)} sounds, {len(gallery)} clips; fitted anew, the clips lie {away:.4f} away at most")
    compare("fitted as the map is", settled, tokens, near)
    compare("fitted as UMAP comes", type(settled)(metric="cosine", random_state=0, n_jobs=1).fit(gallery), tokens, near)


def compare(title: str, reducer, tokens: list[np.ndarray], near: list) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs, slow = timed(lambda token: reducer.transform(token[None])[0], tokens)
        again = reducer.transform(np.array(tokens))
    landscape = Landscape(reducer.embedding_)
    ours, quick = timed(landscape.place, near)
    tables = (atlas.NEIGHBOURS + 1) * landscape._push.nbytes
    best = reducer.embedding_[[found.ids[0] for found in near]]
    diagonal = float(np.linalg.norm(np.ptp(reducer.embedding_, axis=0)))
    print(f"\n{title}: umap {slow:.2f} ms, here {quick:.3f} ms: {slow / quick:.0f} times quicker")
    print(f"its tables of {tables / 1e3:.0f} KB are read once in {1e6 * tables / bandwidth():.0f} µs by the memory")
    print(f"{'distance in parts of the diagonal':34} {'quarter':>8} {'median':>8} {'3/4':>8} {'95 %':>8}")
    pairs = {
        "here from UMAP": (ours, theirs),
        "UMAP of all at once from UMAP": (again, theirs),
        "here from the best match": (ours, best),
        "UMAP from the best match": (theirs, best),
    }
    for name, (places, others) in pairs.items():
        away = np.linalg.norm(np.array(places) - np.array(others), axis=1) / diagonal
        print(f"{name:34} " + " ".join(f"{share:8.2%}" for share in np.quantile(away, (0.25, 0.5, 0.75, 0.95))))
    elsewhere, tossed = (
        np.linalg.norm(np.array(places) - theirs, axis=1) > ELSEWHERE * diagonal for places in (ours, again)
    )
    print(
        f"elsewhere (more than {ELSEWHERE:.0%} away) here {elsewhere.mean():.0%}; put elsewhere by UMAP's own lots: "
        f"{tossed[elsewhere].mean():.0%} of these, {tossed[~elsewhere].mean():.0%} of the others"
    )
    kept = [neighbours_kept(places, near, reducer.embedding_) for places in (ours, theirs)]
    print("of its nearest clips near its place: here {:.0%}, UMAP {:.0%}".format(*kept))


def neighbours_kept(places: list, near: list, coordinates: np.ndarray) -> float:
    around = cKDTree(coordinates).query(np.array(places), k=atlas.NEIGHBOURS)[1]
    return float(np.mean([np.isin(found.ids, rows).mean() for found, rows in zip(near, around, strict=True)]))


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
