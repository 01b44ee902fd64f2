"""Where inputs and results are kept: files under keys, written whole or not at all.

A key is a path of plain names, `clips/3f9a.mp4`. The name is a digest of everything the file
was made from, so that the same input finds the same file.
"""

import errno
import hashlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from models import locks
from models.errors import MissingDependency, MissingFile
from models.media.files import replacing, writing_to

KEY = re.compile(r"[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*)*")
CHUNK_BYTES = 1 << 20
NEW = ".new-"  # a work folder that is not locked yet
ABANDONED_S = 24 * 3600.0


@dataclass(frozen=True)
class Entry:
    """One stored file."""

    key: str
    size: int  # bytes
    modified: datetime  # UTC


class Store(Protocol):
    """Every call raises ServiceError or SetupError where a store of another machine fails."""

    def exists(self, key: str) -> bool: ...

    def path(self, key: str) -> Path:
        """A local file to read, and only to read: it may be the kept one. Raises MissingFile."""
        ...

    def put(self, source: Path, key: str) -> None:
        """Keep a copy of the file. Raises DiskFull and OutputNotWritable."""
        ...

    def delete(self, key: str) -> None:
        """Forget the file; where there is none, nothing is done."""
        ...

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        """Every file whose key begins so, by key: `uploads/` names all of a folder."""
        ...

    def work_folder(self) -> AbstractContextManager[Path]:
        """A folder of this machine to make files in, gone after the block."""
        ...


def store_at(place: str) -> Store:
    """A folder, or s3://BUCKET/PREFIX (see models.stores.s3).

    Raises InvalidRequest, StoreUnusable, MissingDependency.
    """
    if "://" not in place:
        return LocalStore(Path(place))
    try:
        from models.stores.s3 import S3Store
    except ImportError as error:
        raise MissingDependency(
            f"the store {place} needs {error.name}: pip install 'avatar-orchestrator[infra]'"
        ) from error
    return S3Store.at(place)


class LocalStore:
    """A folder of this machine, or one that machines share."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def exists(self, key: str) -> bool:
        return self._locate(key).is_file()

    def path(self, key: str) -> Path:
        located = self._locate(key)
        if not located.is_file():
            raise MissingFile(f"{key} is no longer in {self.root}: run the request again")
        return located

    def put(self, source: Path, key: str) -> None:
        kept = self._locate(key)
        with replacing(kept) as part, writing_to(kept):
            shutil.copyfile(source, part)

    def delete(self, key: str) -> None:
        kept = self._locate(key)
        with writing_to(kept):
            kept.unlink(missing_ok=True)

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        """Not what is hidden: work folders and files that are being written."""
        yield from _entries(self.root, "", prefix)

    @contextmanager
    def work_folder(self) -> Iterator[Path]:
        """A folder on the same disk, gone after the block; what a killed run left goes too."""
        place = self.root / ".work"
        with writing_to(place):
            place.mkdir(parents=True, exist_ok=True)
        for folder in place.iterdir():
            if _abandoned(folder):
                shutil.rmtree(folder, ignore_errors=True)
        with ExitStack() as stack:
            new = Path(tempfile.mkdtemp(prefix=NEW, dir=place))
            folder = new.with_name(new.name.removeprefix(NEW))
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            stack.callback(os.close, locks.hold(new))
            new.rename(folder)  # from here on whoever finds it unlocked may remove it
            yield folder

    def _locate(self, key: str) -> Path:
        return self.root / checked(key)


def _abandoned(folder: Path) -> bool:
    """Nobody holds it any more, or it is a day old: then no lock is asked for."""
    try:
        if time.time() - folder.stat().st_mtime > ABANDONED_S:
            return True
    except FileNotFoundError:
        return False
    return not folder.name.startswith(NEW) and locks.left(folder)


def checked(key: str) -> str:
    """The key itself. Raises ValueError where it is none: it may not lead out of the store."""
    if not KEY.fullmatch(key):
        raise ValueError(f"{key!r} is no storage key")
    return key


def _entries(folder: Path, above: str, prefix: str) -> Iterator[Entry]:
    """Only folders that can hold such keys are read; what goes away meanwhile is left out."""
    for place in _listed(folder):
        key = above + place.name
        if not KEY.fullmatch(place.name):
            continue
        if place.is_dir():
            if f"{key}/".startswith(prefix) or prefix.startswith(f"{key}/"):
                yield from _entries(folder / place.name, f"{key}/", prefix)
        elif key.startswith(prefix):
            with suppress(FileNotFoundError):
                found = place.stat()
                yield Entry(key, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))


def _listed(folder: Path) -> list[os.DirEntry[str]]:
    """In the order of their keys: what is in `a/` comes after `a-b` and `a.b`."""
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda one: f"{one.name}/" if one.is_dir() else one.name)
    except FileNotFoundError:
        return []


def file_sha256(path: Path, max_bytes: int | None = None) -> str:
    """Of a regular file's bytes, read in pieces. Raises OSError, also where it is too large."""
    if not path.is_file():
        raise FileNotFoundError(errno.ENOENT, "no such file", str(path))
    if max_bytes is not None and path.stat().st_size > max_bytes:
        raise OSError(errno.EFBIG, "too large", str(path))
    found = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            found.update(chunk)
    return found.hexdigest()


def digest(*parts: str) -> str:
    """One name for an ordered list of texts: 32 hexadecimal digits."""
    joined = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(joined.encode()).hexdigest()[:32]
