"""The compressed index: near to exact search, exact in what it tells, and never of other clips."""

from pathlib import Path

import kill
import numpy as np
import pytest

from soundclip_demo import proposals, search_large
from soundclip_demo.__main__ import main
from soundclip_demo.errors import UserError
from soundclip_demo.indexes import index_of
from soundclip_demo.search import FlatIndex, Index, unit
from soundclip_demo.search_large import CompressedIndex, build

COUNT, WIDTH = 3000, 48


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tokens in clusters, as those of clips are, with their index, built in shards."""
    folder = tmp_path_factory.mktemp("many")
    random = np.random.default_rng(0)
    middles = random.normal(size=(60, WIDTH))
    tokens = middles[random.integers(0, 60, COUNT)] + 0.5 * random.normal(size=(COUNT, WIDTH))
    np.save(folder / "tokens.npy", (tokens * random.uniform(0.1, 9, (COUNT, 1))).astype(np.float16))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(proposals, "SHARD", 1100)
        build(folder)
    return folder


def tokens_of(folder: Path) -> np.ndarray:
    return np.load(folder / "tokens.npy", mmap_mode="r")


def test_it_finds_what_exact_search_finds(folder: Path) -> None:
    large = index_of(folder, tokens_of(folder))
    assert isinstance(large, CompressedIndex)
    assert nearly_exact(large, tokens_of(folder))


def nearly_exact(large: Index, tokens: np.ndarray) -> bool:
    """Whether it finds 99 % of the first ten; what it tells of them has to be exact."""
    assert (large.size, large.depth) == (COUNT, proposals.PROPOSED)
    flat, random, same = FlatIndex(tokens), np.random.default_rng(1), 0
    for _ in range(50):
        query = tokens[random.integers(COUNT)].astype(np.float32) + 0.2 * random.normal(size=WIDTH)
        found, right = large.search(query, 10), flat.search(query, 10)
        same += len(set(found.ids) & set(right.ids))
        np.testing.assert_allclose(found.scores, unit(tokens[found.ids]) @ unit(query[None])[0], atol=1e-6)
        assert (np.diff(found.scores) <= 0).all()
        assert found.mean == pytest.approx(right.mean, abs=1e-5)
        assert found.std == pytest.approx(right.std, abs=1e-5)
    return same >= 0.99 * 500


def test_without_an_index_search_is_exact(tmp_path: Path) -> None:
    assert isinstance(index_of(tmp_path, np.eye(4, dtype=np.float16)), FlatIndex)


def test_a_folder_without_tokens_gets_no_index(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gallery", "index", str(tmp_path / "nothing")]) == 2
    assert "nothing is no gallery. Make one with: python -m soundclip_demo gallery build" in capsys.readouterr().err


def test_a_token_of_zeros_finds_something_and_is_told_as_chance(folder: Path) -> None:
    found = index_of(folder, tokens_of(folder)).search(np.zeros(WIDTH, np.float32), 5)
    assert found.scores.tolist() == [0] * 5
    assert found.deviations().tolist() == [0] * 5


def test_an_index_of_other_clips_is_refused(folder: Path) -> None:
    with pytest.raises(UserError, match="built for other clips"):
        index_of(folder, tokens_of(folder)[::-1])


@pytest.mark.parametrize("name", search_large.FILES)
@pytest.mark.parametrize("damage", ["gone", "cut", "rubbish"])
def test_a_damaged_index_is_refused(folder: Path, tmp_path: Path, name: str, damage: str) -> None:
    for one in search_large.FILES:
        (tmp_path / one).write_bytes((folder / one).read_bytes())
    file = tmp_path / name
    whole = file.read_bytes()
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(whole[: len(whole) // 2] if damage == "cut" else b"rubbish" * 9)
    with pytest.raises(UserError, match="gallery index GALLERY"):
        CompressedIndex(tmp_path, tokens_of(folder))


def in_shards(folder: Path, size: int) -> None:
    proposals.SHARD = size
    build(folder)


def test_killed_and_run_again_it_is_as_if_it_never_was(folder: Path, tmp_path: Path) -> None:
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "tokens.npy").write_bytes((folder / "tokens.npy").read_bytes())
    piece = "soundclip_demo.search_large:_encode"
    shards = kill.alone(piece, in_shards, tmp_path / "whole", COUNT // 30)
    assert shards == 30
    assert kill.killed(piece, in_shards, tmp_path / "killed", COUNT // 30) <= shards - kill.KILLS
    for name in search_large.FILES:
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert {file.name for file in (tmp_path / "killed").iterdir()} == {"tokens.npy", *search_large.FILES}
