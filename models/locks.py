"""Locks that go with the process that holds them, however it ends."""

import fcntl
import os
from pathlib import Path


def hold(path: Path) -> int:
    """Lock the file or folder while the descriptor, or one inherited from it, is open.

    A file system without such locks gives none: nobody then finds it left either.
    """
    opened = os.open(path, os.O_RDONLY)
    _locked(opened)
    return opened


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
