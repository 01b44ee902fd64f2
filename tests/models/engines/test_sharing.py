"""Several jobs, one engine: whole batches, in order, and nobody's rows in another's result."""

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError

import pytest
import torch
from torch import Tensor

from models.engines.sharing import SharedEngine
from models.errors import OutOfMemory

BATCH = 4


class Adds:
    """Rows (B, 2) and a constant (1 or B, 2) to their sum; remembers what it was called with."""

    mixes = True

    def __init__(self) -> None:
        self.seen: list[tuple[Tensor, Tensor]] = []

    def __call__(self, rows: Tensor, constant: Tensor) -> Tensor:
        self.seen.append((rows.clone(), constant.clone()))
        return rows + constant


def rows_of(job: int, count: int) -> Tensor:
    return torch.arange(2.0 * count).view(count, 2) + 1000 * job


def constant_of(job: int) -> tuple[Tensor, ...]:
    return (torch.full((1, 2), 0.5 * job),)


@pytest.fixture
def adds() -> Adds:
    return Adds()


def test_a_job_alone_is_served_in_whole_batches(adds: Adds) -> None:
    shared, rows = SharedEngine(adds, BATCH), rows_of(1, 10)
    assert torch.equal(shared(rows, *constant_of(1)), rows + 0.5)
    assert [len(rows) for rows, _ in adds.seen] == [BATCH, BATCH, BATCH]
    assert [len(constant) for _, constant in adds.seen] == [1, 1, 1]


def test_what_waits_is_drawn_together_and_everybody_gets_theirs(adds: Adds) -> None:
    shared = SharedEngine(adds, BATCH, mixes=True)
    asked = {job: shared.submit(rows_of(job, 3), constant_of(job)) for job in (1, 2, 3, 4)}
    for job in (3, 1, 4, 2):
        assert torch.equal(shared.result(asked[job]), rows_of(job, 3) + 0.5 * job)
    assert len(adds.seen) == 3  # of 12 rows; four where each is drawn apart
    assert shared.mixed == 3


def test_the_oldest_is_served_first_whoever_waits(adds: Adds) -> None:
    shared = SharedEngine(adds, BATCH, mixes=True)
    first, second = (shared.submit(rows_of(job, BATCH), constant_of(job)) for job in (1, 2))
    shared.result(second)
    assert [int(rows[0, 0]) // 1000 for rows, _ in adds.seen] == [1, 2]
    shared.result(first)
    assert len(adds.seen) == 2


def test_an_engine_of_one_constant_a_batch_is_never_given_two(adds: Adds) -> None:
    shared = SharedEngine(adds, BATCH, mixes=False)
    asked = {job: shared.submit(rows_of(job, 3), constant_of(job)) for job in (1, 2)}
    for job, request in asked.items():
        assert torch.equal(shared.result(request), rows_of(job, 3) + 0.5 * job)
    assert [len(constant) for _, constant in adds.seen] == [1, 1]


def test_a_job_that_gave_up_is_not_drawn(adds: Adds) -> None:
    shared = SharedEngine(adds, BATCH, mixes=True)
    given_up = shared.submit(rows_of(1, 40), constant_of(1))
    shared.withdraw(given_up)
    shared.withdraw(given_up)
    assert torch.equal(shared(rows_of(2, 2), *constant_of(2)), rows_of(2, 2) + 1)
    assert len(adds.seen) == 1


def test_a_thread_that_waits_for_what_was_given_up_is_told(adds: Adds) -> None:
    shared = SharedEngine(adds, BATCH, mixes=True)
    given_up = shared.submit(rows_of(1, 4), constant_of(1))
    shared.withdraw(given_up)
    with pytest.raises(CancelledError):
        shared.result(given_up)


def test_many_threads_each_get_their_own(adds: Adds) -> None:
    shared, wrong = SharedEngine(adds, BATCH, mixes=True), []

    def work(job: int) -> None:
        for count in (3, 1, 6, 4, 2) * 8:
            rows = rows_of(job, count)
            if not torch.equal(shared(rows, *constant_of(job)), rows + 0.5 * job):
                wrong.append(job)

    threads = [threading.Thread(target=work, args=(job,)) for job in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


class Holds:
    """Has memory for so many rows at once."""

    def __init__(self, rows: int) -> None:
        self.rows = rows

    def __call__(self, rows: Tensor, constant: Tensor) -> Tensor:
        if len(rows) > self.rows:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return rows + constant


def test_a_batch_that_does_not_fit_is_halved_and_nothing_is_lost() -> None:
    shared = SharedEngine(Holds(3), 8, mixes=True)
    asked = {job: shared.submit(rows_of(job, 5), constant_of(job)) for job in (1, 2)}
    for job, request in asked.items():
        assert torch.equal(shared.result(request), rows_of(job, 5) + 0.5 * job)
    assert shared.batch == 2


def test_where_not_one_row_fits_everybody_is_told() -> None:
    shared = SharedEngine(Holds(0), 4, mixes=True)
    asked = [shared.submit(rows_of(job, 2), constant_of(job)) for job in (1, 2)]
    for request in asked:
        with pytest.raises(OutOfMemory, match="lower resolution"):
            shared.result(request)


def failing(on: float) -> Callable[..., Tensor]:
    def engine(rows: Tensor, constant: Tensor) -> Tensor:
        if (constant == on).any():
            raise ValueError("this portrait is cursed")
        return rows + constant

    return engine


def test_what_an_engine_raises_reaches_those_whose_rows_it_had() -> None:
    shared = SharedEngine(failing(on=0.5), 2, mixes=True)
    cursed, sound = (shared.submit(rows_of(job, 2), constant_of(job)) for job in (1, 2))
    assert torch.equal(shared.result(sound), rows_of(2, 2) + 1)
    with pytest.raises(ValueError, match="cursed"):
        shared.result(cursed)
