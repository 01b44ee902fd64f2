"""Which runs count as silent; no server is asked."""

from datetime import UTC, datetime
from uuid import uuid4

from infra.worker.lost import Silences

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = datetime(2026, 1, 2, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_sign_that_stands_still_for_the_bound_is_silence() -> None:
    clock, run = Clock(), uuid4()
    silences = Silences(10, clock)
    assert silences.look({run: FIRST}) == []
    clock.now += 9.9
    assert silences.look({run: FIRST}) == []
    clock.now += 0.1
    assert silences.look({run: FIRST}) == [run]


def test_a_new_sign_begins_the_wait_anew() -> None:
    clock, run, other = Clock(), uuid4(), uuid4()
    silences = Silences(10, clock)
    silences.look({run: FIRST, other: FIRST})
    clock.now += 9
    silences.look({run: SECOND, other: FIRST})
    clock.now += 9
    assert silences.look({run: SECOND, other: FIRST}) == [other]


def test_an_earlier_time_is_a_sign_too_since_clocks_are_not_compared() -> None:
    clock, run = Clock(), uuid4()
    silences = Silences(10, clock)
    silences.look({run: SECOND})
    clock.now += 11
    assert silences.look({run: FIRST}) == []


def test_a_run_without_any_sign_counts_from_the_first_look() -> None:
    clock, run = Clock(), uuid4()
    silences = Silences(10, clock)
    assert silences.look({run: None}) == []
    clock.now += 10
    assert silences.look({run: None}) == [run]


def test_after_a_look_that_failed_all_begins_anew() -> None:
    clock, run = Clock(), uuid4()
    silences = Silences(10, clock)
    silences.look({run: FIRST})
    clock.now += 60
    silences.forget()
    assert silences.look({run: FIRST}) == []


def test_a_run_that_was_not_held_meanwhile_begins_anew() -> None:
    clock, run = Clock(), uuid4()
    silences = Silences(10, clock)
    silences.look({run: FIRST})
    clock.now += 11
    silences.look({})
    assert silences.look({run: FIRST}) == []
