"""The numbers in the README are computed as they say."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import toy
from PIL import Image

from soundclip_demo import weights
from soundclip_demo.config import DEFAULT_PROMPT
from soundclip_demo.encoders.joint import JointSpace
from soundclip_demo.gallery import Clip, Gallery
from training import captioned, held_out
from training.bootstrap import interval
from training.corpus import Category, SoundFile, categories
from training.jsonlines import Lines
from training.retrieval import cosines, found, of_category, ranks

CATEGORIES = categories()


def gallery(*shown: str) -> Gallery:
    """Clips whose tokens point each along an axis of its own."""
    clips = tuple(Clip(f"c{i}", name, "", Path("v"), Path("p"), True, "photo", "", "") for i, name in enumerate(shown))
    return Gallery(
        Path(), "", "", "", clips, np.eye(len(shown), dtype=np.float32), np.zeros((len(shown), 2), np.float32)
    )


def searched(tokens: torch.Tensor, clips: torch.Tensor, wanted: list[str], shown: Gallery) -> dict[str, np.ndarray]:
    return found(ranks(cosines(tokens, clips), of_category(wanted, shown)))


def token(*scores: float) -> torch.Tensor:
    return torch.tensor([scores])


def test_retrieval_by_hand() -> None:
    shown = gallery("dog", "cat", "dog", "cow", "hen", "pig", "duck")
    tokens = torch.cat(
        [
            token(0.1, 0.9, 0.8, 0, 0, 0, 0),  # cat, dog, ...
            token(0.1, 0.9, 0.8, 0, 0, 0, 0),
            token(7, 6, 5, 4, 3, 2, 1),  # pig is sixth
            token(7, 6, 5, 4, 3, 2, 1),  # hen is fifth
        ]
    )
    hits = searched(tokens, torch.from_numpy(shown.tokens), ["cat", "dog", "pig", "hen"], shown)
    assert hits["top1"].tolist() == [1, 0, 0, 0]
    assert hits["top5"].tolist() == [1, 1, 0, 1]
    assert hits["mrr"].tolist() == pytest.approx([1, 1 / 2, 1 / 6, 1 / 5])


def test_retrieval_looks_at_directions_only() -> None:
    shown = gallery("dog", "cat")
    clips = torch.from_numpy(shown.tokens) * torch.tensor([[1.0], [50.0]])
    for scale in (0.01, 100.0):
        assert searched(scale * token(0.6, 0.5), clips, ["dog"], shown)["top1"].tolist() == [1]


def test_native_clips_are_pictures_or_else_captions(tmp_path: Path) -> None:
    shown = gallery("dog", "cat")
    posters = [tmp_path / f"{i}.png" for i in range(2)]
    for i, poster in enumerate(posters):
        toy.picture(i).save(poster)
    told = zip(shown.clips, posters, ("A dog.", "Two cats"), strict=True)
    shown = replace(shown, clips=tuple(replace(clip, poster=poster, caption=text) for clip, poster, text in told))

    def pictures(images: list[Image.Image]) -> torch.Tensor:
        return torch.stack([torch.from_numpy(np.asarray(image)).float().mean((0, 1)) for image in images])

    def texts(given: Sequence[str]) -> torch.Tensor:
        return torch.tensor([[float(len(text)), 1.0] for text in given])

    seen = held_out.native_clips(JointSpace(pictures, texts), shown)
    assert torch.equal(seen, pictures([toy.picture(0), toy.picture(1)]))
    assert torch.equal(held_out.native_clips(JointSpace(texts=texts), shown), torch.tensor([[6.0, 1.0], [8.0, 1.0]]))


@pytest.mark.parametrize("top", [1, 2, 3])
def test_chance_counted_over_all_draws(top: int) -> None:
    names = ["dog", "dog", "cat", "cow", "cow", "cow"]

    def share(wanted: str) -> float:
        draws = list(itertools.combinations(names, top))
        return sum(wanted in draw for draw in draws) / len(draws)

    wanted = ["dog", "cat", "cat", "cow"]
    assert held_out.chance(wanted, gallery(*names), top) == pytest.approx(np.mean([share(name) for name in wanted]))


def test_chance_is_sure_where_nothing_else_is_shown() -> None:
    assert held_out.chance(["dog"], gallery("dog", "dog", "cat"), 2) == 1


def test_intervals_hold_the_mean_as_often_as_they_say() -> None:
    random = np.random.default_rng(0)
    draws = (random.random((200, 80)) < 0.3).astype(float)
    intervals = [interval(draw) for draw in draws]
    inside = np.mean([row["low"] <= 0.3 <= row["high"] for row in intervals])
    assert 0.88 <= inside <= 0.99
    width = np.mean([row["high"] - row["low"] for row in intervals])
    assert width == pytest.approx(2 * 1.96 * (0.3 * 0.7 / 80) ** 0.5, rel=0.1)
    assert intervals[0] == interval(draws[0])
    assert intervals[0]["mean"] == pytest.approx(draws[0].mean(), abs=1e-4)
    assert intervals[0]["n"] == 80
    assert interval(np.ones(5)) == {"mean": 1, "low": 1, "high": 1, "n": 5}


@pytest.mark.parametrize(
    ("caption", "category", "named"),
    [
        ("A cat meows.", "cat", True),
        ("This may indicate rain.", "cat", False),
        ("CAT!", "cat", True),
        ("A concatenation", "cat", False),
        ("two kittens", "cat", False),
        ("a kitten", "cat", True),
        ("", "cat", False),
        ("It barks", "dog", True),
    ],
)
def test_whole_words_name_a_category(caption: str, category: str, named: bool) -> None:
    assert held_out.names(caption, CATEGORIES[category], CATEGORIES) is named


def test_words_of_two_parts_and_hyphens() -> None:
    horn, car = (Category(name, (), words, "") for name, words in (("car horn", ("honk-honk",)), ("car", ())))
    known = ("car", "car horn")
    assert held_out.names("A Car-Horn sounds.", horn, known)
    assert held_out.names("it goes honk honk", horn, known)
    assert not held_out.names("a car and a horn", horn, known)
    assert not held_out.names("A car horn sounds.", car, known)
    assert held_out.names("A car horn in a car.", car, known)


def sound(recording: str, category: str, split: str) -> SoundFile:
    return SoundFile(Path(f"{recording}.wav"), category, recording, "toy", split)


def test_one_sound_for_each_held_out_recording_of_a_shown_category() -> None:
    sounds = [
        sound("a", "dog", "train"),
        sound("b", "dog", "test"),
        sound("b", "dog", "test"),
        sound("c", "cow", "test"),
        sound("d", "cat", "validation"),
        sound("e", "cat", "test"),
        sound("f", "cat", "gallery"),
    ]
    assert held_out.held_out(sounds, gallery("dog", "cat")) == [1, 5]
    assert held_out.held_out(sounds, gallery("dog", "cat"), "validation") == [4]


def test_captions_written_in_batches_are_those_of_the_page(workspace: toy.Workspace) -> None:
    captioner = toy.captioner(weights.folder("language", workspace.cache))
    tokens = torch.randn(3, 64, generator=torch.Generator().manual_seed(0))

    def streamed(one: torch.Tensor) -> str:
        texts: Sequence[str] = list(captioner.stream(one[None], DEFAULT_PROMPT, 48))
        return texts[-1]

    written = captioned.write(captioner, tokens, 48)
    assert len(set(written)) == 3
    for caption, one in zip(written, tokens, strict=True):
        text = streamed(one)
        assert caption.startswith(text)
        assert len(caption) - len(text) <= 4  # the page leaves out an unfinished character at the end


def test_captions_that_are_there_are_not_written_again(
    workspace: toy.Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    captioner = toy.captioner(weights.folder("language", workspace.cache))
    tokens = torch.randn(5, 64, generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr(captioned, "BATCH", 2)
    calls = []

    def captions(spec: str = "one", most: int = 5) -> captioned.Captions:
        writer = captioned.Writer(lambda: calls.append(1) or captioner, spec, most)
        return captioned.Captions({"frozen": writer}, Lines(tmp_path / "captions.jsonl"))

    first = captions()("frozen", tokens, "")
    assert (len(first), len(calls)) == (5, 3)
    lines = (tmp_path / "captions.jsonl").read_bytes()
    (tmp_path / "captions.jsonl").write_bytes(lines[:-20])  # a kill in the middle of the last line
    assert captions()("frozen", tokens, "") == first
    assert len(calls) == 4
    assert (tmp_path / "captions.jsonl").read_bytes() == lines
    for other in (captions("two"), captions(most=6)):  # other weights, or longer captions
        other("frozen", tokens[:2], "")
    captions()("frozen", tokens[:2] + 1, "")
    assert len(calls) == 7
