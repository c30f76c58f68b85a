"""The corpus and its split, the captions made from it, and augmented views."""

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import toy

from soundclip_demo.audio import Sound
from training import augment, captions, corpus

TABLE = corpus.categories()


def recordings(**counts: int) -> dict[str, str]:
    """Recording -> category."""
    return {f"{name}/{i}": name for name, count in counts.items() for i in range(count)}


def by_split(splits: dict[str, str], category: str) -> dict[str, int]:
    count: dict[str, int] = defaultdict(int)
    for recording, split in splits.items():
        count[split] += recording.startswith(f"{category}/")
    return {name: number for name, number in count.items() if number}


def test_shares_of_a_split() -> None:
    splits = corpus.split(recordings(many=100, ten=10, six=6, five=5, one=1))
    assert by_split(splits, "many") == {"test": 15, "validation": 10, "train": 75}
    assert by_split(splits, "ten") == {"test": 2, "validation": 1, "train": 7}
    assert by_split(splits, "six") == {"test": 1, "train": 5}
    assert by_split(splits, "five") == {"train": 5}
    assert by_split(splits, "one") == {"train": 1}


def test_a_split_depends_on_nothing_but_the_recordings() -> None:
    given = recordings(many=40, few=7)
    splits = corpus.split(given)
    assert splits.keys() == given.keys()
    assert corpus.split(dict(reversed(given.items()))) == splits
    assert list(corpus.split(given).values()) == list(splits.values())


def test_one_more_recording_moves_few_others() -> None:
    before = corpus.split(recordings(many=100))
    after = corpus.split(recordings(many=101))
    assert sum(after[name] != split for name, split in before.items()) <= 3


def test_what_is_bundled_is_never_trained_on_nor_tested() -> None:
    tables = {
        name: [row["recording"] for row in corpus.rows(corpus.TABLES / f"{name}.csv")]
        for name in ("gallery", "examples")
    }
    given = (
        recordings(dog=20) | dict.fromkeys(tables["gallery"][:5], "dog") | dict.fromkeys(tables["examples"][:2], "dog")
    )
    splits = corpus.split(given)
    assert {splits[r] for r in tables["gallery"][:5]} == {"gallery"}
    assert {splits[r] for r in tables["examples"][:2]} == {"example"}
    assert set(splits) == set(given)  # and none of those that this corpus does not have


def test_something_is_left_to_train_on() -> None:
    bundled = [row["recording"] for row in corpus.rows(corpus.TABLES / "gallery.csv")][:9]
    splits = corpus.split(recordings(dog=1) | dict.fromkeys(bundled, "dog"))
    assert splits["dog/0"] == "train"


def write_corpus(folder: Path, rows: list[tuple[str, str, str]]) -> Path:
    folder.mkdir(exist_ok=True)
    lines = [
        "file,category,recording,source",
        *(f"{file},{category},{recording},s" for file, category, recording in rows),
    ]
    (folder / "sounds.csv").write_text("\n".join(lines) + "\n")
    (folder / "pictures.csv").write_text(
        "file,category,kind\np/a.png,dog,photo\np/b.png,cat,photo\np/c.png,dog,drawing\n"
    )
    return folder


def test_files_of_one_recording_stay_on_one_side(tmp_path: Path) -> None:
    rows = [(f"{i}-{part}.wav", "dog", f"r{i}") for i in range(20) for part in range(3)]
    sounds = corpus.sounds(write_corpus(tmp_path, rows))
    sides = defaultdict(set)
    for sound in sounds:
        sides[sound.recording].add(sound.split)
    assert all(len(found) == 1 for found in sides.values())
    assert {sound.split for sound in sounds} == {"train", "validation", "test"}
    assert sounds[0].file == tmp_path / "0-0.wav"


def test_unknown_categories_are_left_out(tmp_path: Path) -> None:
    sounds = corpus.sounds(write_corpus(tmp_path, [("a.wav", "dog", "a"), ("b.wav", "no such thing", "b")]))
    assert [sound.category for sound in sounds] == ["dog"]


def test_pictures_by_category(tmp_path: Path) -> None:
    found = corpus.pictures(write_corpus(tmp_path, []))
    assert found == {"dog": [tmp_path / "p/a.png", tmp_path / "p/c.png"], "cat": [tmp_path / "p/b.png"]}


def test_the_fingerprint_changes_with_the_data(tmp_path: Path) -> None:
    first = corpus.fingerprint(write_corpus(tmp_path, [("a.wav", "dog", "a")]))
    assert corpus.fingerprint(tmp_path) == first
    assert corpus.fingerprint(write_corpus(tmp_path, [("a.wav", "dog", "b")])) != first


def test_the_table_of_categories_is_sound() -> None:
    assert len(TABLE) > 100
    for name, category in TABLE.items():
        assert category.sentence.endswith("."), name
        assert all(word == word.strip() and word for word in (*category.pictures, *category.words)), name
    assert {row["category"] for row in corpus.rows(corpus.TABLES / "gallery.csv")} <= TABLE.keys()


# Captions


def bursts(hertz: float, at: tuple[float, ...], seconds: float = 0.2) -> Sound:
    samples = np.zeros(3 * toy.RATE, np.float32)
    for start in at:
        first = round(start * toy.RATE)
        samples[first : first + round(seconds * toy.RATE)] = toy.tone(hertz, seconds)
    return Sound(samples, toy.RATE)


@pytest.mark.parametrize(("hertz", "word"), [(300, "low"), (1500, "medium"), (5000, "high")])
def test_how_high_a_sound_is(hertz: float, word: str) -> None:
    for rate in (16_000, 44_100):
        said = captions.of_sound(TABLE["dog"], Sound(toy.tone(hertz, 4.0, rate), rate))
        assert said == f"A dog barks. The sound is {word} and steady."


def test_how_a_sound_runs() -> None:
    fading = toy.tone(440, 3.0) * np.exp(-4 * np.arange(48_000) / toy.RATE).astype(np.float32)
    for sound, words in (
        (Sound(toy.noise(3.0), toy.RATE), "steady"),
        (Sound(fading, toy.RATE), "dies away"),
        (bursts(440, (0.3,)), "dies away"),
        (bursts(440, (0.0, 0.8, 1.6, 2.4)), "comes in bursts"),
    ):
        assert captions.of_sound(TABLE["cat"], sound).endswith(f" and {words}.")


def test_the_loudest_part_is_described() -> None:
    samples = np.concatenate([toy.tone(5000, 4.0, level=0.05), toy.tone(300, 3.0, level=0.8)])
    assert "is low" in captions.of_sound(TABLE["dog"], Sound(samples, toy.RATE))


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        ("dog", "photo", "A photo of a dog."),
        ("owl", "drawing", "A drawing of an owl."),
        ("Egyptian cat", "photo", "A photo of an Egyptian cat."),
    ],
)
def test_captions_of_pictures(name: str, kind: str, said: str) -> None:
    assert captions.of_picture(name, kind) == said


# Views


@pytest.mark.parametrize("seconds", [0.2, 3.0, 7.0])
def test_views_are_windows_and_repeatable(seconds: float) -> None:
    sound = Sound(toy.noise(seconds, level=0.1), toy.RATE)
    views = [augment.view(sound, np.random.default_rng(seed)) for seed in range(40)]
    assert all(view.shape == (48_000,) and view.dtype == np.float32 and np.isfinite(view).all() for view in views)
    assert all(np.abs(view).max() > 1e-3 for view in views)
    np.testing.assert_array_equal(views[3], augment.view(sound, np.random.default_rng(3)))
    assert len({view.tobytes() for view in views}) > 30


def test_noise_is_added_at_the_level_asked_for() -> None:
    window = toy.tone(440, 3.0)
    for seed in range(4):  # white and brown
        added = augment._noisy(window, 20.0, np.random.default_rng(seed)) - window
        assert 10 * np.log10(np.mean(window**2) / np.mean(added**2)) == pytest.approx(20, abs=0.1)


def test_low_passing_takes_the_highs_and_leaves_the_lows() -> None:
    low, high = toy.tone(300, 3.0), toy.tone(6000, 3.0)
    assert np.std(augment._low_passed(high, 1500, toy.RATE)) < 0.01 * np.std(high)
    assert np.std(augment._low_passed(low, 1500, toy.RATE)) == pytest.approx(np.std(low), rel=0.02)
