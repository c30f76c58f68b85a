"""A made-up gallery of any size: clips in clusters, one toy video and a few posters for all of them."""

import csv
import json
from pathlib import Path

import numpy as np
import toy

from soundclip_demo.clips import RATE
from soundclip_demo.gallery import COLUMNS
from soundclip_demo.suites import Space

WIDTH = 1280  # of the compact suite's tokens


def make(
    folder: Path, count: int, space: Space, groups: int = 300, posters: int = 1, width: int = WIDTH
) -> Path:
    """Clips of `groups` categories, whose places on the map lie around their category's; tokens of any `width`."""
    random = np.random.default_rng(0)
    toy.write_video(folder / "videos" / "toy.mp4", 0.4, toy.tone(440, 0.4, RATE))
    (folder / "posters").mkdir()
    for number in range(posters):
        toy.picture(number, (384, 216)).save(folder / "posters" / f"{number}.jpg")
    group = random.integers(0, groups, count)
    media = {"video": "videos/toy.mp4", "attribution": "", "still": "0", "picture_kind": "video", "licence": "CC0-1.0"}
    with (folder / "clips.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for number, category in enumerate(group):
            said = {"category": f"thing {category}", "caption": f"Thing {category} sounds."}
            named = {"id": f"clip-{number:05d}", "poster": f"posters/{number % posters}.jpg"}
            writer.writerow(named | said | media)
    middles = random.normal(0, 6, (groups, 2))
    np.save(folder / "atlas.npy", (middles[group] + random.normal(0, 0.5, (count, 2))).astype(np.float32))
    np.save(folder / "tokens.npy", random.normal(0, 1, (count, width)).astype(np.float16))
    about = {"title": "Made up", "space": space.name, "spec": space.spec, "note": "made up"}
    (folder / "gallery.json").write_text(json.dumps(about))
    return folder
