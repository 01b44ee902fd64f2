"""One place for a run: a child process, kept alive, on one GPU or on the CPU."""

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import UUID

from infra.worker.messages import (
    Beat,
    Cancel,
    Count,
    Ended,
    Loaded,
    Message,
    Ready,
    Run,
    to_worker,
)
from models.tally import Name

CANCEL_S = 3.0  # for a child to stop by itself
TIMEOUT_GRACE_S = 5.0
RETIRE_S = 10.0  # for a child between two runs to send its last logs


@dataclass(frozen=True)
class Limits:
    max_runs: int
    max_memory_mb: int | None
    memory_limit_mb: int | None
    timeout_s: float | None


class Died(Exception):
    """The child ended in the middle of a run; the text says how."""


class TookTooLong(Exception):
    """The child was killed, since the run would not end in time."""


@dataclass(frozen=True)
class Patience:
    """Seconds that a slot waits for its child."""

    start_s: float
    hang_s: float


@dataclass
class Slot:
    device: str | None
    preload: Sequence[str]
    patience: Patience
    lock_file: int | None = None  # held open by every child: see infra.worker.scratch
    starts: int = 0
    memory_mb: int = 0
    cancelled: UUID | None = None
    done: Counter[Name] = field(default_factory=Counter)  # by all its children
    _current: UUID | None = None
    _child: asyncio.subprocess.Process | None = None
    _runs: int = 0
    _starting: asyncio.Lock = field(default_factory=asyncio.Lock)
    _retired: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def pid(self) -> int | None:
        alive = self._child is not None and self._child.returncode is None
        return self._child.pid if self._child and alive else None

    @property
    def is_warm(self) -> bool:
        """Whether its child has preloaded, and lives."""
        return self.pid is not None and not self._starting.locked()

    async def warm(self) -> int:
        """Start a child unless one waits. Its process id. Raises Died."""
        async with self._starting:
            if self.pid is None:
                self._child = await self._start()
                heard = await self._hear(self.patience.start_s)
                if not isinstance(heard, Ready):
                    await self.kill()
                    raise Died("it spoke before it was ready")
            if (pid := self.pid) is None:
                raise Died(self._death())
            return pid

    async def run(self, message: Run, limits: Limits) -> Ended:
        """Raises Died, TookTooLong."""
        self._current, self.cancelled = message.run.id, None
        self._tell(message)
        try:
            async with asyncio.timeout(limits.timeout_s) as deadline:
                ended = await self._answer(deadline, limits)
        except TimeoutError:
            await self.kill()
            raise TookTooLong("it did not end in time: its process was killed") from None
        finally:
            self._current = None
        self._count(ended, limits)
        return ended

    async def cancel(self, run: UUID) -> None:
        """Ask the child to stop; kill it where it doesn't, as in native code."""
        if self._current != run or self.cancelled == run:
            return
        self.cancelled = run
        self._tell(Cancel(run=run))
        await asyncio.sleep(CANCEL_S)
        if self._current == run:
            await self.kill()

    async def kill(self) -> None:
        """The child and what it started."""
        if self._child is not None:
            _kill_group(self._child.pid)
            await self._child.wait()

    async def close(self) -> None:
        """Let the child end by itself, between runs."""
        self._retire()
        await asyncio.gather(*self._retired)

    def _count(self, ended: Ended, limits: Limits) -> None:
        self._runs += 1
        self.memory_mb = ended.memory_mb
        self._add(ended.counts)
        too_large = ended.memory_mb > (limits.max_memory_mb or sys.maxsize)
        if too_large or self._runs >= limits.max_runs:
            self._retire()

    def _add(self, counts: Iterable[Count]) -> None:
        for each in counts:
            self.done[Name(each.text, tuple(each.labels.items()))] += each.value  # type: ignore[assignment]

    def _retire(self) -> None:
        """The next child need not wait for this one's end."""
        if self._child is not None:
            task = asyncio.get_running_loop().create_task(_end(self._child))
            self._retired.add(task)
            task.add_done_callback(self._retired.discard)
            self._child = None

    async def _answer(self, deadline: asyncio.Timeout, limits: Limits) -> Ended:
        loop = asyncio.get_running_loop()
        while not isinstance(heard := await self._hear(self.patience.hang_s), Ended):
            if isinstance(heard, Loaded) and heard.timeout_s is not None:
                stop = loop.time() + heard.timeout_s + TIMEOUT_GRACE_S
                deadline.reschedule(min(stop, deadline.when() or stop))
            if isinstance(heard, Beat):
                self._add(heard.counts)
                await self._weigh(heard.memory_mb, limits.memory_limit_mb)
        return heard

    async def _weigh(self, memory_mb: int, limit_mb: int | None) -> None:
        self.memory_mb = memory_mb
        if memory_mb > (limit_mb or sys.maxsize):
            await self.kill()
            raise Died(f"its process held {memory_mb} MiB of memory, more than {limit_mb}")

    async def _start(self) -> asyncio.subprocess.Process:
        self._runs = 0
        self.starts += 1
        device = {} if self.device is None else {"CUDA_VISIBLE_DEVICES": self.device}
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "infra.worker.child",
            *self.preload,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=os.environ | device,
            pass_fds=() if self.lock_file is None else (self.lock_file,),
            start_new_session=True,  # Ctrl-C is for the worker, which drains
        )

    async def _hear(self, within_s: float) -> Ready | Loaded | Beat | Ended:
        if self._child is None or self._child.stdout is None:
            raise Died("it has no process")
        try:
            line = await asyncio.wait_for(self._child.stdout.readline(), within_s)
        except TimeoutError:
            await self.kill()
            raise Died(f"its process gave no sign of life for {within_s:g} s") from None
        if not line:
            await self._child.wait()
            _kill_group(self._child.pid)
            raise Died(self._death())
        return to_worker.validate_json(line)

    def _tell(self, message: Message) -> None:
        if self._child is not None and self._child.stdin is not None:
            self._child.stdin.write(message.line())

    def _death(self) -> str:
        status = self._child.returncode if self._child else None
        if status is None or status >= 0:
            return f"its process ended with status {status}"
        hint = ", as the kernel does where memory runs out" if -status == signal.SIGKILL else ""
        return f"its process was ended by {signal.Signals(-status).name}{hint}"


def _kill_group(leader: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


async def _end(child: asyncio.subprocess.Process) -> None:
    if child.stdin is not None:
        child.stdin.close()
    try:
        await asyncio.wait_for(child.wait(), RETIRE_S)
    except TimeoutError:
        _kill_group(child.pid)
        await child.wait()
