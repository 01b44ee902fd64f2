"""Copies of stored files on this machine's disk, within a bound, the least recently used go first.

A copy lies under the name of its content's version, so that a file that changes in the store is
another copy here, and who still reads the old one is not disturbed. Processes may share a folder.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from models.media.files import replacing, writing_to

IN_USE_S = 600.0  # a copy handed out so lately may not have been opened yet
ABANDONED_S = 24 * 3600.0


class KeptFiles:
    def __init__(self, root: Path, max_bytes: int) -> None:
        self.root = root
        self._max_bytes = max_bytes

    def find(self, version: str, name: str, size: int) -> Path | None:
        """The copy, if it is here and whole. Now it is the one used last."""
        kept = self._locate(version, name)
        try:
            if kept.stat().st_size != size:
                return None
            os.utime(kept)
        except FileNotFoundError:
            return None
        return kept

    def keep(self, version: str, name: str, write: Callable[[Path], None]) -> Path:
        """What `write` makes of the path it is given: it counts only if it returns.

        Raises DiskFull and OutputNotWritable.
        """
        kept = self._locate(version, name)
        with replacing(kept) as part, writing_to(kept):
            write(part)
        self._make_room()
        return kept

    def _locate(self, version: str, name: str) -> Path:
        return self.root / version[:2] / version / name

    def _make_room(self) -> None:
        found = sorted(self._files())
        used = sum(size for _, size, _ in found)
        now = time.time()
        for used_at, size, path in found:
            if used <= self._max_bytes or now - used_at < IN_USE_S:
                return
            path.unlink(missing_ok=True)
            with suppress(OSError):  # a file came into it just now
                path.parent.rmdir()
            used -= size

    def _files(self) -> Iterator[tuple[float, int, Path]]:
        """When each was last used, its bytes, its place; parts of killed processes are removed."""
        for path in self.root.glob("??/*/*"):
            with suppress(FileNotFoundError):  # another process made room
                facts = path.stat()
                if path.name.startswith(".") and time.time() - facts.st_mtime > ABANDONED_S:
                    path.unlink()
                else:
                    yield facts.st_mtime, facts.st_size, path
