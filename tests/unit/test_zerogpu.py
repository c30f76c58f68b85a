"""The GPU is borrowed where the Space lends one; elsewhere nothing is wrapped and nothing imported."""

import inspect
import sys
from pathlib import Path

import pytest

from soundclip_demo.zerogpu import on_gpu

STAND_IN = """
import functools, inspect
lent = []

def GPU(task):
    if inspect.isgeneratorfunction(task):
        @functools.wraps(task)
        def borrowed(*args, **named):
            lent.append(task.__name__)
            yield from task(*args, **named)
    else:
        @functools.wraps(task)
        def borrowed(*args, **named):
            lent.append(task.__name__)
            return task(*args, **named)
    return borrowed
"""


def double(number: int) -> int:
    return 2 * number


class Counter:
    def count(self, last: int):
        yield from range(last)


@pytest.fixture
def spaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "spaces.py").write_text(STAND_IN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "spaces", raising=False)
    yield
    sys.modules.pop("spaces", None)


@pytest.mark.parametrize("lends", ["1", "true", "T"])
def test_functions_and_generators_borrow_the_gpu(spaces: None, monkeypatch: pytest.MonkeyPatch, lends: str) -> None:
    monkeypatch.setenv("SPACES_ZERO_GPU", lends)
    assert on_gpu(double)(3) == 6
    count = on_gpu(Counter().count)
    assert inspect.isgeneratorfunction(count)
    assert list(count(last=3)) == [0, 1, 2]
    assert sys.modules["spaces"].lent == ["double", "count"]


@pytest.mark.parametrize("lends", [None, "", "0", "false"])
def test_elsewhere_the_function_is_unchanged(spaces: None, monkeypatch: pytest.MonkeyPatch, lends: str | None) -> None:
    monkeypatch.delenv("SPACES_ZERO_GPU", raising=False)
    if lends is not None:
        monkeypatch.setenv("SPACES_ZERO_GPU", lends)
    assert on_gpu(double) is double
    assert "spaces" not in sys.modules


def test_a_space_without_the_package_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACES_ZERO_GPU", "1")
    monkeypatch.setattr("soundclip_demo.zerogpu.find_spec", lambda _: None)
    assert on_gpu(double) is double
