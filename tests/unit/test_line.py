"""The line of captions, without a browser and without a model."""

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from soundclip_demo.errors import UserError

pytest.importorskip("gradio")
from soundclip_demo.ui import caption, line, texts
from soundclip_demo.ui.line import Line, Place, Wait

PATIENCE = 20  # seconds


def always() -> bool:
    return True


def until(true: Callable[[], bool]) -> bool:
    end = time.monotonic() + PATIENCE
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    return true()


def served(place: Place, seconds: float) -> None:
    """As if it had been served for so long."""
    with place:
        place.began -= seconds


def expected(place: Place) -> tuple[int, int | None]:
    wait = next(place.waits(always))
    return wait.number, wait.seconds


def test_the_first_does_not_wait() -> None:
    with Line().join() as place:
        assert list(place.waits(always)) == []


def test_everybody_is_told_where_they_stand_and_served_in_turn() -> None:
    queue, order, stood = Line(), [], {}

    def come(name: str, place: Place) -> None:
        with place:
            stood[name] = [wait.number for wait in place.waits(always)]
            order.append(name)

    first, names = queue.join(), ["b", "c", "d"]
    threads = [threading.Thread(target=come, args=(name, queue.join())) for name in names]
    for thread in threads:
        thread.start()
    time.sleep(2 * line.LOOKS)
    with first:
        order.append("a")
    for thread in threads:
        thread.join(PATIENCE)
    assert order == ["a", *names]
    assert [stood[name][0] for name in names] == [1, 2, 3]
    assert all(numbers == sorted(numbers, reverse=True) for numbers in stood.values())


def test_the_expected_seconds_come_from_those_who_were_served() -> None:
    queue = Line()
    with queue.join(), queue.join() as place:
        assert next(place.waits(always)) == Wait(1, None)  # nobody was yet
    for seconds in (400.0, 800.0):
        served(queue.join(), seconds)
    queue._took.popleft()  # of the one who was served in no time
    with queue.join() as first, queue.join(), queue.join() as third:
        assert expected(third) == (2, pytest.approx(1200, abs=PATIENCE))
        first.began -= 500.0
        assert expected(third) == (2, pytest.approx(700, abs=PATIENCE))
        first.began -= 9000.0  # longer than usual says nothing of how much longer
        assert expected(third) == (2, 600)


def test_who_is_wanted_no_longer_leaves_at_once_and_holds_nobody_up() -> None:
    queue, wanted = Line(), {"b": True}
    with queue.join() as first, ExitStack() as rest:
        gone, last = queue.join(), rest.enter_context(queue.join())
        with gone:
            waits = gone.waits(lambda: wanted["b"])
            assert next(waits).number == 1
            assert next(last.waits(always)).number == 2
            wanted["b"] = False
            assert list(waits) == []
        assert next(last.waits(always)).number == 1
        queue.first(first)
    with queue.join() as place:
        assert list(place.waits(always)) == []


def test_a_closed_generator_gives_its_place_up() -> None:
    """As Gradio closes it when a tab is closed."""
    queue = Line()

    def handler():
        with queue.join() as place:
            yield from place.waits(always)

    with queue.join():
        waiting = handler()
        next(waiting)
        assert len(queue._places) == 2
        waiting.close()
        assert len(queue._places) == 1


def test_beyond_the_end_is_refused_with_a_way_out() -> None:
    queue = Line(most=2)
    served(queue.join(), 3.0)
    with queue.join(), queue.join(), queue.join():
        with pytest.raises(UserError, match=texts.LINE_FULL) as refused:
            queue.join()
        assert "in about 9 s" in refused.value.hint
    with queue.join() as place:
        assert list(place.waits(always)) == []


def test_a_full_line_before_anybody_was_served() -> None:
    with (queue := Line(most=0)).join(), pytest.raises(UserError, match="in a minute"):
        queue.join()


def test_many_threads_are_served_one_at_a_time() -> None:
    queue, inside, most = Line(most=100), [], []

    def come() -> None:
        with queue.join() as place:
            list(place.waits(always))
            inside.append(1)
            most.append(len(inside))
            inside.pop()

    threads = [threading.Thread(target=come) for _ in range(50)]
    for thread in threads:
        thread.start()
    assert until(lambda: len(most) == 50)
    assert set(most) == {1}
    assert not queue._places


def test_a_waiting_caption_says_its_place_and_can_be_stopped() -> None:
    html = caption.waiting(Wait(3, 8))
    assert "Waiting for the caption model: number 3 in line, about 8 s." in html
    assert 'data-offers="stop"' in html
    assert "number 1 in line." in caption.waiting(Wait(1, None))
    assert texts.CAPTION_WAITING in html  # by which Stop knows one that waits
