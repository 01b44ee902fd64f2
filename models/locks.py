"""Locks that go with the process that holds them, however it ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def hold(path: Path) -> int:
    """Lock the file or folder while the descriptor, or one inherited from it, is open.

    A file system without such locks gives none: nobody then finds it left either.
    """
    opened = os.open(path, os.O_RDONLY)
    _locked(opened)
    return opened


@contextmanager
def exclusively(path: Path) -> Iterator[None]:
    """Wait until nobody else is within such a block of the same file, which stays.

    A file system without such locks lets everybody in at once.
    """
    opened = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        with suppress(OSError):
            fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)


def left(path: Path) -> bool:
    """Whether it can be locked: nobody who lives holds it. False where there is nothing."""
    try:
        opened = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        return _locked(opened)
    finally:
        os.close(opened)


def _locked(opened: int) -> bool:
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
