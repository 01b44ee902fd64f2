"""Folders kept a second time: each content once, under its digest, and a list of files a snapshot.

`python -m models.backup PLACE FOLDER [--snapshot NAME]` restores; PLACE is a folder or s3://….
A snapshot is written last, so that one that is there is whole.
"""

import argparse
import logging
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

from models.contracts import Contract
from models.errors import AvatarError, InvalidRequest, MissingFile
from models.media.files import replacing, writing_to
from models.storage import Store, file_sha256, store_at

BLOBS, SNAPSHOTS = "blobs/", "snapshots/"

log = logging.getLogger(__name__)


class Kept(Contract):
    path: str  # below the folder, with slashes
    sha256: str
    size: int  # bytes


class Snapshot(Contract):
    made_at: datetime
    files: tuple[Kept, ...]

    @property
    def key(self) -> str:
        return f"{SNAPSHOTS}{self.made_at:%Y%m%dt%H%M%S.%f}z.json"

    @property
    def megabytes(self) -> float:
        return sum(file.size for file in self.files) / 1e6


class BackupReport(Contract):
    snapshot: str  # storage key
    files: int
    megabytes: float
    copied: int  # contents that were not there yet
    verified: int
    snapshots: int  # that are there now
    dropped: int  # contents that no snapshot needs any more


def list_files(folder: Path, now: datetime | None = None) -> Snapshot:
    """Raises InvalidRequest where there is nothing to keep."""
    files = tuple(
        Kept(
            path=path.relative_to(folder).as_posix(),
            sha256=file_sha256(path),
            size=path.stat().st_size,
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    )
    if not files:
        raise InvalidRequest(f"{folder} holds no files: name the folder of the models")
    return Snapshot(made_at=now or datetime.now(UTC), files=files)


def copy(folder: Path, snapshot: Snapshot, place: Store) -> int:
    """How many contents were new there."""
    new = {f.sha256: f.path for f in snapshot.files if not place.exists(blob(f.sha256))}
    for sha256, path in new.items():
        place.put(folder / path, blob(sha256))
    return len(new)


def verify(snapshot: Snapshot, place: Store) -> int:
    """Read every content back. Raises MissingFile for one that is not what it was."""
    contents = {file.sha256 for file in snapshot.files}
    for sha256 in sorted(contents):
        if file_sha256(place.path(blob(sha256))) != sha256:
            place.delete(blob(sha256))
            raise MissingFile(f"the copy of {sha256} was damaged and is deleted: run it again")
    return len(contents)


def write(snapshot: Snapshot, place: Store) -> None:
    with place.work_folder() as folder:
        file = folder / "snapshot.json"
        file.write_text(snapshot.model_dump_json(indent=2) + "\n", encoding="utf-8")
        place.put(file, snapshot.key)


def snapshots(place: Store) -> list[str]:
    """Their keys, the oldest first."""
    return [entry.key for entry in place.entries(SNAPSHOTS)]


def drop_old(place: Store, keep: int) -> int:
    """Keep the newest snapshots and what they need; how many contents went."""
    known = snapshots(place)
    for key in known[:-keep]:
        place.delete(key)
    needed = {blob(f.sha256) for key in known[-keep:] for f in read(place, key).files}
    unneeded = [entry.key for entry in place.entries(BLOBS) if entry.key not in needed]
    for key in unneeded:
        place.delete(key)
    return len(unneeded)


def read(place: Store, key: str) -> Snapshot:
    return Snapshot.model_validate_json(place.path(key).read_text(encoding="utf-8"))


def restore(place: Store, folder: Path, key: str | None = None) -> Snapshot:
    """Bring every file of the snapshot, else of the newest, back into the folder, checked.

    Raises InvalidRequest where there is no snapshot, MissingFile for a damaged copy.
    """
    known = snapshots(place)
    if not known or (key is not None and key not in known):
        raise InvalidRequest(
            f"there is no snapshot {key or ''}: there are {known or 'none at all'}"
        )
    snapshot = read(place, key or known[-1])
    verify(snapshot, place)
    for file in snapshot.files:
        with replacing(_below(folder, file.path)) as part, writing_to(folder / file.path):
            shutil.copyfile(place.path(blob(file.sha256)), part)
    return snapshot


def blob(sha256: str) -> str:
    return BLOBS + sha256


def markdown(report: BackupReport, place: str) -> str:
    rows = {
        "place": f"`{place}`",
        "snapshot": f"`{report.snapshot}`",
        "files": f"{report.files} ({report.megabytes:.1f} MB)",
        "contents copied": report.copied,
        "contents verified by sha256": report.verified,
        "snapshots kept": report.snapshots,
        "contents dropped": report.dropped,
    }
    return "\n".join(["| | |", "|---|---|", *(f"| {k} | {v} |" for k, v in rows.items())]) + "\n"


def _below(folder: Path, path: str) -> Path:
    """Raises InvalidRequest for a path that leads elsewhere."""
    target = (folder / path).resolve()
    if not target.is_relative_to(folder.resolve()):
        raise InvalidRequest(f"the snapshot names {path!r}, outside of {folder}: do not trust it")
    return target


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Restore a folder from its backup.")
    parser.add_argument("place", help="A folder or s3://BUCKET/PREFIX.")
    parser.add_argument("folder", type=Path, help="Where to.")
    parser.add_argument("--snapshot", help="A key such as snapshots/….json; else the newest.")
    return parser.parse_args()


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    wanted = _arguments()
    try:
        done = restore(store_at(wanted.place), wanted.folder, wanted.snapshot)
    except AvatarError as error:
        sys.exit(f"{error.code}: {error}")
    log.info("%s: %d files, %.1f MB", done.key, len(done.files), done.megabytes)


if __name__ == "__main__":
    main()
