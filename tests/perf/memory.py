"""How much memory this process and its children hold, over time and by stages."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

EVERY_S = 0.5


class Memory:
    """Resident megabytes of this process and its children, read twice a second."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.megabytes: list[float] = []
        self.stages: list[tuple[str, float]] = []
        self._began = time.perf_counter()
        self._done = threading.Event()

    def stage(self, name: str) -> None:
        self.stages.append((name, time.perf_counter() - self._began))

    def peak(self, first: float, stop: float) -> float:
        pairs = zip(self.seconds, self.megabytes, strict=True)
        return max((mb for second, mb in pairs if first <= second < stop), default=0.0)

    @contextmanager
    def watched(self) -> Iterator[None]:
        thread = threading.Thread(target=self._watch)
        thread.start()
        try:
            yield
        finally:
            self.stage("end")
            self._done.set()
            thread.join()

    def _watch(self) -> None:
        own = psutil.Process()
        while not self._done.wait(EVERY_S):
            processes = [own, *own.children(recursive=True)]
            self.seconds.append(time.perf_counter() - self._began)
            self.megabytes.append(sum(each.memory_info().rss for each in processes) / 1e6)
