"""Sends what is told without making the teller wait: a short queue, one thread, one deadline.

What does not fit is dropped and counted: a server that is away costs its traces, no video.
"""

import atexit
import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")
MOST_WAITING = 200
FLUSH_S = 2.0  # at the end of the process, for all that is left


class Outbox(Generic[T]):
    def __init__(self, send: Callable[[T], None], most: int = MOST_WAITING) -> None:
        self._send = send
        self._waiting: queue.Queue[T] = queue.Queue(most)
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self.dropped = 0

    def put(self, one: T) -> None:
        """Never waits, never raises."""
        try:
            self._waiting.put_nowait(one)
        except queue.Full:
            self._drop("too many are waiting")
            return
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="tracing", daemon=True)
                self._thread.start()
                atexit.register(self._end)

    def flush(self, within_s: float = FLUSH_S) -> bool:
        """Wait until all is sent or given up; False where the time was too short."""
        until = time.monotonic() + within_s
        while self._waiting.unfinished_tasks and time.monotonic() < until:
            time.sleep(0.01)
        return not self._waiting.unfinished_tasks

    def _run(self) -> None:
        while True:
            one = self._waiting.get()
            try:
                self._send(one)
            except Exception as error:  # whatever it is, it is not the video's
                self._drop(f"{type(error).__name__}: {error}")
            finally:
                self._waiting.task_done()

    def _end(self) -> None:
        if not self.flush():
            self._drop("the process ended", self._waiting.unfinished_tasks)

    def _drop(self, why: str, count: int = 1) -> None:
        self.dropped += count
        log.warning("a trace was not sent (%s); %d so far", why, self.dropped)
