"""The rule against a queue that serves the earliest scheduled time, as Prefect's does."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from models.fair_share import HORIZON, PACE, STEP, start_time

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Run:
    caller: str
    number: int
    cost_s: float
    start: datetime


@dataclass
class Queue:
    """Time passes only when told: a queue that is never empty keeps its old head."""

    now: datetime = BEGIN
    waiting: list[Run] = field(default_factory=list)
    served: list[Run] = field(default_factory=list)
    made: int = 0

    def submit(self, caller: str, cost_s: float = 10.0) -> Run:
        due = [run for run in self.waiting if run.start < self.now + HORIZON]
        own = [run.start for run in due if run.caller == caller]
        head = min((run.start for run in due), default=None)
        start = start_time(self.now, head, max(own, default=None), cost_s)
        self.made += 1
        self.waiting.append(Run(caller, self.made, cost_s, start))
        return self.waiting[-1]

    def serve(self) -> Run:
        run = min(self.waiting, key=lambda run: (run.start, run.number))
        self.waiting.remove(run)
        self.served.append(run)
        self.now += timedelta(seconds=run.cost_s)
        return run


callers = st.sampled_from("abcd")
costs = st.floats(min_value=0.1, max_value=3600)
# a submission of some caller, or (None) a worker that takes the next run
events = st.lists(st.one_of(st.tuples(callers, costs), st.none()), max_size=60)


def played(story: list[tuple[str, float] | None]) -> Queue:
    queue = Queue()
    for event in story:
        if event is not None:
            queue.submit(*event)
        elif queue.waiting:
            queue.serve()
    return queue


def test_a_thousand_waiting_runs_delay_another_caller_s_one_by_about_one() -> None:
    queue = Queue()
    for _ in range(1000):
        queue.submit("many")
    for _ in range(10):
        queue.serve()
    mine = queue.submit("one")
    before = 0
    while queue.serve() is not mine:
        before += 1
    assert before <= 2


def test_each_of_several_such_callers_delays_it_by_about_one() -> None:
    queue = Queue()
    for caller in "abcdefgh":
        for _ in range(100):
            queue.submit(caller)
    mine = queue.submit("one")
    while queue.serve() is not mine:
        pass
    ahead = [run.caller for run in queue.served[:-1]]
    assert all(ahead.count(caller) <= 2 for caller in "abcdefgh")


def test_two_callers_with_full_queues_get_the_same_seconds_of_work() -> None:
    queue = Queue()
    for _ in range(200):
        queue.submit("long", 60.0)
    for _ in range(600):
        queue.submit("short", 20.0)
    for _ in range(300):
        queue.serve()
    seconds = {
        caller: sum(run.cost_s for run in queue.served if run.caller == caller)
        for caller in ("long", "short")
    }
    assert abs(seconds["long"] - seconds["short"]) <= 2 * 60.0


def test_an_empty_queue_starts_at_once() -> None:
    queue = Queue()
    queue.submit("a")
    queue.serve()
    assert queue.submit("a").start == queue.now


@given(events)
def test_a_caller_s_own_order_is_kept(story: list[tuple[str, float] | None]) -> None:
    queue = played(story)
    while queue.waiting:
        queue.serve()
    for caller in "abcd":
        numbers = [run.number for run in queue.served if run.caller == caller]
        assert numbers == sorted(numbers)


@given(events)
def test_every_waiting_run_may_start_now(story: list[tuple[str, float] | None]) -> None:
    """Work-conserving, and the clock does not run away: ahead by a millionth of what waited."""
    queue = played(story)
    most = sum(max(event[1] * PACE, STEP.total_seconds()) for event in story if event)
    bound = queue.now + timedelta(seconds=most) + len(story) * STEP
    assert all(run.start <= bound for run in queue.waiting)


@given(events, costs)
def test_who_comes_new_waits_for_about_one_run_of_each(
    story: list[tuple[str, float] | None], cost_s: float
) -> None:
    """Of each caller: what fits beside the new run's own work, and one run that had begun to."""
    queue = played(story)
    mine = queue.submit("new", cost_s)
    ahead: dict[str, list[float]] = {}
    while (run := queue.serve()) is not mine:
        ahead.setdefault(run.caller, []).append(run.cost_s)
    rounding_s = 61 * STEP.total_seconds() / PACE
    for runs in ahead.values():
        assert sum(runs[1:]) <= cost_s + rounding_s


@given(events)
def test_no_two_runs_of_a_caller_share_a_time(story: list[tuple[str, float] | None]) -> None:
    queue = played(story)
    for caller in "abcd":
        starts = [run.start for run in queue.waiting if run.caller == caller]
        assert all(later > earlier for earlier, later in pairwise(starts))
