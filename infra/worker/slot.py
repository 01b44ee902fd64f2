"""One place for a run: a child process, kept alive, on one GPU or on the CPU."""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from infra.worker.messages import Cancel, Ended, Loaded, Message, Ready, Run, to_worker

CANCEL_S = 3.0  # for a child to stop by itself
TIMEOUT_GRACE_S = 5.0


@dataclass(frozen=True)
class Limits:
    max_runs: int
    max_memory_mb: int | None
    timeout_s: float | None


class Died(Exception):
    """The child ended in the middle of a run; the text says how."""


class TookTooLong(Exception):
    """The child was killed, since the run would not end in time."""


class Slot:
    def __init__(self, device: str | None, preload: Sequence[str]) -> None:
        self._device, self._preload = device, preload
        self._lock = asyncio.Lock()  # one start at a time
        self._child: asyncio.subprocess.Process | None = None
        self._runs = 0
        self.starts = 0
        self.memory_mb = 0
        self.cancelled = False

    @property
    def pid(self) -> int | None:
        alive = self._child is not None and self._child.returncode is None
        return self._child.pid if self._child and alive else None

    async def warm(self) -> int:
        """Start a child unless one waits. Its process id. Raises Died."""
        async with self._lock:
            if self.pid is None:
                self._child = await self._start()
                if not isinstance(await self._hear(), Ready):
                    raise Died("it spoke before it was ready")
            if (pid := self.pid) is None:
                raise Died(self._death())
            return pid

    async def run(self, message: Run, limits: Limits) -> Ended:
        """Raises Died, TookTooLong."""
        self.cancelled = False
        self._tell(message)
        try:
            async with asyncio.timeout(limits.timeout_s) as deadline:
                ended = await self._answer(deadline)
        except TimeoutError:
            await self.kill()
            raise TookTooLong("it did not end in time: its process was killed") from None
        self._runs += 1
        self.memory_mb = ended.memory_mb
        if self._runs >= limits.max_runs or ended.memory_mb > (limits.max_memory_mb or sys.maxsize):
            await self.close()
        return ended

    async def cancel(self, run: UUID) -> None:
        """Ask the child to stop; kill it where it doesn't, as in native code."""
        child = self._child
        self.cancelled = True
        self._tell(Cancel(run=run))
        await asyncio.sleep(CANCEL_S)
        if self.cancelled and child is self._child:
            await self.kill()

    async def kill(self) -> None:
        if self._child is not None and self.pid is not None:
            os.killpg(self._child.pid, signal.SIGKILL)
            await self._child.wait()

    async def close(self) -> None:
        """Let the child end by itself, between runs."""
        if self._child is not None and self._child.stdin is not None:
            self._child.stdin.close()
            try:
                await asyncio.wait_for(self._child.wait(), CANCEL_S)
            except TimeoutError:
                await self.kill()

    async def _answer(self, deadline: asyncio.Timeout) -> Ended:
        while not isinstance(heard := await self._hear(), Ended):
            if isinstance(heard, Loaded) and heard.timeout_s is not None:
                stop = asyncio.get_running_loop().time() + heard.timeout_s + TIMEOUT_GRACE_S
                deadline.reschedule(min(stop, deadline.when() or stop))
        return heard

    async def _start(self) -> asyncio.subprocess.Process:
        self._runs = 0
        self.starts += 1
        device = {} if self._device is None else {"CUDA_VISIBLE_DEVICES": self._device}
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "infra.worker.child",
            *self._preload,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=os.environ | device,
            start_new_session=True,  # Ctrl-C is for the worker, which drains
        )

    async def _hear(self) -> Ready | Loaded | Ended:
        line = await self._child.stdout.readline() if self._child and self._child.stdout else b""
        if not line:
            if self._child is not None:
                await self._child.wait()
            raise Died(self._death())
        return to_worker.validate_json(line)

    def _tell(self, message: Message) -> None:
        if self._child is not None and self._child.stdin is not None:
            self._child.stdin.write(message.line())

    def _death(self) -> str:
        status = self._child.returncode if self._child else None
        if status is not None and status < 0:
            return f"its process was ended by {signal.Signals(-status).name}"
        return f"its process ended with status {status}"
