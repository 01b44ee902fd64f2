"""Files that appear whole or not at all, and what the system says when they cannot."""

import errno
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

from models.errors import DiskFull, OutputError, OutputNotWritable

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A hidden path beside `target`: it becomes `target` if the block succeeds, else it goes.

    Raises DiskFull and OutputNotWritable; what the block itself raises passes as it is.
    """
    # not made from the target's name, which may already be as long as names can be
    part = target.parent / f".avatar-{uuid.uuid4().hex[:12]}.part"
    with writing_to(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield part
        with writing_to(target):
            part.replace(target)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def writing_to(target: Path) -> Iterator[None]:
    """Turn OSError into an OutputError that names `target`."""
    try:
        yield
    except OSError as error:
        raise output_error(error, target) from error


def output_error(error: OSError, target: Path) -> OutputError:
    if error.errno in NO_ROOM:
        return DiskFull(
            f"no room left for {target.name} in {target.parent}: free some space or write elsewhere"
        )
    reason = (os.strerror(error.errno) if error.errno else str(error)).lower()
    return OutputNotWritable(f"cannot write {target}: {reason}; choose a folder you may write to")


def check_output(path: Path, *, alpha: bool = False) -> None:
    """Refuse early, and without a trace, a target that `replacing` could not write.

    Raises OutputNotWritable.
    """
    wanted = ".webm" if alpha else ".mp4"
    if path.suffix.lower() != wanted:
        why = "only WebM carries transparency" if alpha else "the video is an MP4"
        raise OutputNotWritable(f"output {path.name!r} must end in {wanted}: {why}")
    with writing_to(path):
        _check_place(path)


def _check_place(path: Path) -> None:
    if "\0" in str(path):
        raise OutputNotWritable(f"output {str(path)!r} is no file name: it holds a NUL character")
    if path.is_dir():  # also raises for a name longer than the file system allows
        raise OutputNotWritable(f"output {path} is a folder: give the name of a file in it")
    folder = _nearest_existing(path.parent)
    if not folder.is_dir():
        raise OutputNotWritable(f"{folder} is a file, not a folder: choose another output")
    TemporaryFile(dir=folder).close()  # permissions alone don't tell: root, read-only mounts


def _nearest_existing(folder: Path) -> Path:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder
