"""A place for the temporary files of runs that is emptied however a run or a worker ends.

A worker and its children hold a lock on their place. What nobody holds any more was left by
processes that were killed: the next worker on this machine removes it.
"""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

PREFIX = "avatar-worker-"
UNLOCKED, LOCK = ".unlocked", ".lock"


class Scratch:
    """`lock_file` is the descriptor that children inherit."""

    def __init__(self, above: Path | None) -> None:
        self._above = above or Path(tempfile.gettempdir())
        self._above.mkdir(parents=True, exist_ok=True)
        self._sweep()
        self.place = Path(tempfile.mkdtemp(prefix=PREFIX, dir=self._above))
        self.lock_file = os.open(self.place / UNLOCKED, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
        fcntl.flock(self.lock_file, fcntl.LOCK_EX)
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
            if _abandoned(place):
                shutil.rmtree(place, ignore_errors=True)


def _abandoned(place: Path) -> bool:
    """Not where the lock is missing: its worker starts just now."""
    try:
        file = os.open(place / LOCK, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(file)
    return True
