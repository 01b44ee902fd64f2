"""What the rules promise, for every state that a pool can be in."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.autoscaler.rules import LARGE, SMALL, Rule, State, decide, one_at_a_time, rule_for
from models.errors import InvalidRequest

counts = st.integers(0, 500)
seconds = st.floats(0, 10_000)


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    at_least, warm, at_most = sorted(draw(st.lists(st.integers(0, 40), min_size=3, max_size=3)))
    down_below, up_above = sorted(draw(st.lists(st.integers(1, 30), min_size=2, max_size=2)))
    return Rule(
        up_above=up_above,
        down_below=down_below,
        at_least=at_least,
        warm=warm,
        at_most=max(at_most, 1),
        idle_to_zero_s=draw(seconds),
        up_cooldown_s=draw(st.floats(0, 300)),
        down_cooldown_s=draw(st.floats(0, 600)),
        clear_in_s=draw(st.floats(1, 600)),
        late_after_s=draw(st.none() | st.floats(0, 600)),
        step_up=draw(st.integers(1, 20)),
        spare=draw(st.floats(0, 0.9)),
        slots=draw(st.integers(1, 4)),
        run_s=draw(st.floats(0.1, 600)),
    )


states = st.builds(
    State,
    waiting=counts,
    busy=counts,
    workers=st.integers(0, 60),
    since_change_s=seconds | st.just(math.inf),
    idle_s=seconds,
    oldest_s=seconds,
    run_s=st.none() | st.floats(0.1, 600),
)


@given(states, rules())
def test_the_bounds_hold_whatever_happens(state: State, rule: Rule) -> None:
    assert rule.at_least <= decide(state, rule).workers <= rule.at_most


@given(states, rules(), counts)
def test_more_waiting_never_means_fewer_workers(state: State, rule: Rule, waiting: int) -> None:
    fewer, more = sorted((state.waiting, waiting))
    wanted = [decide(replace(state, waiting=depth), rule).workers for depth in (fewer, more)]
    assert wanted[0] <= wanted[1]


@given(states, rules())
def test_nothing_is_left_only_when_nothing_waits_runs_or_ran_lately(
    state: State, rule: Rule
) -> None:
    if decide(state, rule).workers == 0:
        assert (state.waiting, state.busy) == (0, 0)
        assert state.workers == 0 or state.idle_s >= rule.idle_to_zero_s


@given(states, rules())
def test_what_is_busy_keeps_its_worker(state: State, rule: Rule) -> None:
    fits = state.workers <= rule.at_most
    if fits and decide(state, rule).workers < state.workers:
        assert decide(state, rule).workers * rule.slots >= state.busy


@given(states, rules())
def test_one_step_up_is_never_larger_than_allowed(state: State, rule: Rule) -> None:
    floor = max(rule.warm, 1)
    assert decide(state, rule).workers - state.workers <= max(rule.step_up, floor)


@given(rules(), st.lists(st.tuples(counts, counts), min_size=2, max_size=60))
def test_no_step_down_falls_within_the_cooldown(rule: Rule, demands: list[tuple[int, int]]) -> None:
    workers, changed, active = rule.warm, -math.inf, 0.0
    for turn, (waiting, busy) in enumerate(demands):
        now = turn * 20.0
        active = now if waiting or busy else active
        state = State(waiting, busy, workers, now - changed, now - active)
        wanted = decide(state, rule).workers
        assert wanted >= workers or now - changed >= rule.down_cooldown_s
        changed = now if wanted != workers else changed
        workers = wanted


@pytest.mark.parametrize(("waiting", "grows"), [(10, False), (11, True)])
def test_the_pool_grows_above_ten_waiting(waiting: int, grows: bool) -> None:
    plain = replace(SMALL, late_after_s=None)
    assert (decide(State(waiting, 1, workers=1), plain).workers > 1) is grows


@pytest.mark.parametrize(
    ("rule", "waiting", "shrinks"),
    [(SMALL, 1, True), (SMALL, 2, False), (LARGE, 2, True), (LARGE, 3, False)],
)
def test_the_pool_shrinks_below_two_or_three_waiting(
    rule: Rule, waiting: int, shrinks: bool
) -> None:
    assert (decide(State(waiting, 0, workers=8), rule).workers < 8) is shrinks


@pytest.mark.parametrize(("since", "shrinks"), [(299.0, False), (300.0, True)])
def test_a_large_pool_cools_down_for_five_minutes(since: float, shrinks: bool) -> None:
    assert (decide(State(0, 0, 8, since_change_s=since), LARGE).workers < 8) is shrinks


@pytest.mark.parametrize(("users", "rule"), [(49, SMALL), (50, LARGE)])
def test_fifty_users_make_a_large_pool(users: int, rule: Rule) -> None:
    assert rule_for(users) is rule


def test_slower_runs_make_larger_steps() -> None:
    quick, slow = (State(40, 2, workers=2, run_s=run_s) for run_s in (5.0, 20.0))
    assert decide(quick, LARGE).workers < decide(slow, LARGE).workers
    assert decide(slow, one_at_a_time(LARGE)).workers == 3


def test_one_waiting_run_wakes_an_empty_pool_at_once() -> None:
    asleep = State(1, 0, workers=0, since_change_s=0.0)
    assert decide(asleep, replace(SMALL, warm=0)).workers == 1


def test_a_late_run_counts_as_a_full_queue() -> None:
    late = State(3, 1, workers=1, oldest_s=61.0)
    assert decide(late, replace(SMALL, late_after_s=60.0)).workers > 1
    assert decide(late, replace(SMALL, late_after_s=None)).workers == 1


def test_the_reason_names_what_was_seen() -> None:
    assert "40 waiting at 20.0 s each" in decide(State(40, 2, 2, run_s=20.0), LARGE).reason


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"warm": 9, "at_most": 8}, "out of order"),
        ({"at_least": 2, "warm": 1}, "out of order"),
        ({"down_below": 11}, "down_below 11"),
        ({"run_s": 0.0}, "run_s is 0"),
        ({"spare": 1.0}, "spare is 1"),
    ],
)
def test_a_rule_that_contradicts_itself_is_refused(wrong: dict[str, int], named: str) -> None:
    with pytest.raises(InvalidRequest, match=named):
        Rule(**wrong)
