"""A place for the temporary files of runs that is emptied however a run or a worker ends.

A worker and its children hold a lock on their place. What nobody holds any more was left by
processes that were killed: the next worker on this machine removes it.
"""

import os
import shutil
import tempfile
from pathlib import Path

from models import locks

PREFIX = "avatar-worker-"
UNLOCKED, LOCK = ".unlocked", ".lock"


class Scratch:
    """`lock_file` is the descriptor that children inherit."""

    def __init__(self, above: Path | None) -> None:
        self._above = above or Path(tempfile.gettempdir())
        self._above.mkdir(parents=True, exist_ok=True)
        self._sweep()
        self.place = Path(tempfile.mkdtemp(prefix=PREFIX, dir=self._above))
        (self.place / UNLOCKED).touch()
        self.lock_file = locks.hold(self.place / UNLOCKED)
        os.rename(self.place / UNLOCKED, self.place / LOCK)

    def folder(self, name: str) -> Path:
        """The child makes it and removes it."""
        return self.place / name

    def clear(self, name: str) -> None:
        """After a child that could not."""
        shutil.rmtree(self.place / name, ignore_errors=True)

    def close(self) -> None:
        shutil.rmtree(self.place, ignore_errors=True)
        os.close(self.lock_file)

    def _sweep(self) -> None:
        for place in self._above.glob(f"{PREFIX}*"):
            if locks.left(place / LOCK):  # not where it is missing: its worker starts just now
                shutil.rmtree(place, ignore_errors=True)
