"""What the search by typed words is worth on the bundled gallery: `python -m tests.bench.words` prints a table.

A word finds its clip when one of the right category comes first, or among the first five. The category names, and the
other names that training told the encoder, are words it has met together with pictures of these very things; the last
row's words it never met.
"""

import numpy as np

from soundclip_demo.config import TOP_CLIPS, limit_threads
from soundclip_demo.engine import Engine
from training.corpus import categories

UNTOLD = {
    "kitty": "cat", "heifer": "cow", "stallion": "horse", "mare": "horse", "swine": "pig", "mallard": "duck",
    "grizzly": "bear", "chimpanzee": "monkey", "bullfrog": "frog", "jackdaw": "crow", "serpent": "snake",
    "bumblebee": "bee", "porpoise": "dolphin", "big cat with stripes": "tiger", "king of the jungle": "lion",
    "grand piano": "piano", "keyboard instrument": "piano", "strings": "violin", "brass instrument": "trumpet",
    "woodwind": "clarinet", "percussion": "drum kit", "toddler weeping": "baby cry", "newborn": "baby cry",
    "giggling": "laugh", "vocalist": "singing", "clapping audience": "applause", "fans in a stadium": "crowd cheering",
    "walking shoes": "footsteps", "steps on gravel": "footsteps", "sedan": "car", "highway": "traffic",
    "fire engine": "siren", "locomotive": "train", "Boeing": "jet plane", "Cessna": "propeller plane",
    "spacecraft launch": "rocket", "lighthouse": "ship horn", "panzer": "tank", "seashore": "sea waves",
    "waterfall": "stream", "downpour": "rain", "lightning": "thunder", "hurricane": "wind", "bonfire": "fire",
    "detonation": "explosion", "leaking pipe": "water drip", "kitchen sink": "tap water", "lavatory": "toilet flush",
    "shattered window": "glass breaking", "laptop": "keyboard typing", "smartphone": "phone ring",
    "photographer": "camera shutter", "cash": "coins", "forge": "hammer on anvil", "revolver": "gunshot",
    "knight": "sword", "archery": "bow and arrow",
}  # fmt: skip


def main() -> None:
    limit_threads()
    engine = Engine()
    shown = {clip.category for clip in engine.gallery.clips}
    known = {name: about for name, about in categories().items() if name in shown}
    told = {word: name for name, about in known.items() for word in about.words}
    untold = {word: name for word, name in UNTOLD.items() if name in shown and word not in told | known}
    first = engine.search_words("dog")
    print(f"{first.encoder}: words and {first.meets}, {len(engine.gallery.clips)} clips of {len(shown)} categories\n")
    print(f"{'words':34} {'searched':>8} {'first':>7} {'first 5':>8} {'off map':>8}")
    rows = {
        "category names": {name: name for name in known},
        "other names told in training": told,
        "words never told": untold,
    }
    for title, wanted in rows.items():
        found = {word: engine.search_words(word) for word in wanted}
        hits = np.array(
            [[hit.category == wanted[word] for hit in event.matches.hits[:TOP_CLIPS]] for word, event in found.items()]
        )
        off = np.mean([event.placed.off_map for event in found.values()])
        print(f"{title:34} {len(wanted):8} {hits[:, 0].mean():7.1%} {hits.any(1).mean():8.1%} {off:8.1%}")


if __name__ == "__main__":
    main()
