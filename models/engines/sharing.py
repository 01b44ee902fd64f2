"""One engine for several jobs: frames of different videos go through it in one batch.

There is no thread of its own: whoever waits for a result runs the engine for everybody. Requests
are served in the order in which they came and cut where a batch is full, so that a job that asks
for few frames at a time is never behind more than one request of each other job.
"""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import dataclass, field

import torch
from torch import Tensor

from models.engines.memory import BatchLimit, is_out_of_memory
from models.engines.streams import Fence

Engine = Callable[..., Tensor]  # (B, ...) and constants to (B, ...)
Constants = tuple[Tensor, ...]  # (1, ...) each: what a job adds to every one of its rows


@dataclass(eq=False)
class Request:
    """Rows that a job waits for. Only the engine's owner changes it."""

    rows: Tensor
    constants: Constants
    given: Fence  # behind what made the rows
    taken: int = 0  # rows that are in a batch
    drawn: list[Tensor] = field(default_factory=list)
    done: Fence | None = None
    failure: Exception | None = None

    @property
    def left(self) -> int:
        return len(self.rows) - self.taken


@dataclass(frozen=True)
class Share:
    """Rows of one request in one batch."""

    request: Request
    first: int
    stop: int

    @property
    def rows(self) -> Tensor:
        return self.request.rows[self.first : self.stop]

    def spread(self, constant: int) -> Tensor:
        """One of its constants, once for each row."""
        each = self.request.constants[constant]
        return each.expand(self.stop - self.first, *each.shape[1:])


class SharedEngine:
    """Calls an engine with whole batches only, whatever jobs ask for.

    Some kernels sum in another order for another number of rows, and frames must depend neither on
    where a span ends nor on who else renders: what is missing in a batch is filled up.
    """

    def __init__(self, engine: Engine, batch: int, *, mixes: bool = False) -> None:
        """`mixes`: the engine also takes constants of (B, ...), so that jobs share a batch."""
        self._engine, self._mixes = engine, mixes
        self._limit = BatchLimit(batch)
        self._waiting: deque[Request] = deque()
        self._line = threading.Lock()  # of what waits
        self._running = threading.Lock()  # of the engine
        self.runs = 0
        self.mixed = 0  # of them, with rows of more than one request

    @property
    def batch(self) -> int:
        """Rows at once."""
        return self._limit.frames

    def submit(self, rows: Tensor, constants: Constants) -> Request:
        """Rows (N, ...), which get their turn; N may be more or less than a batch."""
        request = Request(rows, constants, Fence.here(rows.device))
        with self._line:
            self._waiting.append(request)
        return request

    def result(self, request: Request) -> Tensor:
        """(N, ...), as soon as they are drawn. Raises what the engine raised."""
        with self._running:
            while request.failure is None and sum(map(len, request.drawn)) < len(request.rows):
                self._run()
        if request.failure is not None:
            raise request.failure
        if request.done is not None:
            request.done.wait(*request.drawn)
        return request.drawn[0] if len(request.drawn) == 1 else torch.cat(request.drawn)

    def withdraw(self, request: Request) -> None:
        """Nobody wants it any more; a thread that still waits for it is told."""
        with self._line:
            if request in self._waiting:
                self._waiting.remove(request)
                request.failure = request.failure or CancelledError("withdrawn")

    def __call__(self, rows: Tensor, *constants: Tensor) -> Tensor:
        return self.result(self.submit(rows, constants))

    def _run(self) -> None:
        shares = self._next()
        try:
            drawn = self._drawn(shares)
        except Exception as error:
            self._failed(shares, error)
            return
        done, at = Fence.here(drawn.device), 0
        for share in shares:
            count = share.stop - share.first
            share.request.drawn.append(drawn[at : at + count])
            share.request.done = done
            at += count

    def _failed(self, shares: list[Share], error: Exception) -> None:
        """Back into the line with less at once where memory was short, else for their owners."""
        try:
            if not is_out_of_memory(error):
                raise error
            self._limit.halve(error)
        except Exception as final:
            for share in shares:
                share.request.failure = final
                self.withdraw(share.request)
            return
        with self._line:
            for share in reversed(shares):
                share.request.taken = share.first
                if share.request not in self._waiting:
                    self._waiting.appendleft(share.request)

    def _next(self) -> list[Share]:
        """Up to a batch of what waits, the oldest first."""
        shares: list[Share] = []
        free = self.batch
        with self._line:
            while free and self._waiting:
                request = self._waiting[0]
                if shares and not (self._mixes or _alike(request, shares[0].request)):
                    break
                stop = min(len(request.rows), request.taken + free)
                shares.append(Share(request, request.taken, stop))
                free -= stop - request.taken
                request.taken = stop
                if not request.left:
                    self._waiting.popleft()
        return shares

    def _drawn(self, shares: list[Share]) -> Tensor:
        for share in shares:
            share.request.given.wait(share.request.rows, *share.request.constants)
        missing = self.batch - sum(len(share.rows) for share in shares)
        filling = Share(shares[-1].request, 0, 1)
        rows = [share.rows for share in shares] + [filling.rows] * missing
        first = shares[0].request
        constants = first.constants
        if not all(_alike(share.request, first) for share in shares):
            several = [*shares, *[filling] * missing]
            constants = tuple(
                torch.cat([share.spread(index) for share in several])
                for index in range(len(first.constants))
            )
        self.runs += 1
        self.mixed += len(shares) > 1
        return self._engine(torch.cat(rows) if len(rows) > 1 else rows[0], *constants).clone()


def _alike(one: Request, other: Request) -> bool:
    """Of the same job, as far as the engine can tell."""
    return all(a is b for a, b in zip(one.constants, other.constants, strict=True))
