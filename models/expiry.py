"""What a store may forget: files past their age that nothing waiting or running still names."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Any

from models.contracts import Contract
from models.storage import Entry

UPLOADS = "uploads"
WORK = (  # what any run makes again from its request
    "clips",
    "mouths",
    "pictures",
    "portraits",
    "prefect-results",  # what Prefect keeps of finished tasks
    "preflights",
    "quality",
    "results",
    "scripts",
    "segments",
    "signed",
    "speech",
)
SCHEME = "store:"


class Expired(Contract):
    """One top folder of the store."""

    folder: str
    files: int = 0
    megabytes: float = 0.0  # of 10**6 bytes
    kept: int = 0  # past their age, and still named


class ExpiryReport(Contract):
    dry_run: bool
    folders: tuple[Expired, ...]

    @property
    def files(self) -> int:
        return sum(folder.files for folder in self.folders)


def ages(uploads_days: float, work_days: float) -> dict[str, timedelta]:
    """How long each folder keeps a file."""
    work = dict.fromkeys(WORK, timedelta(days=work_days))
    return {UPLOADS: timedelta(days=uploads_days)} | work


def stale(entries: Iterable[Entry], keep: Mapping[str, timedelta], now: datetime) -> list[Entry]:
    """Files of these folders that are older than their folder keeps."""
    return [
        entry
        for entry in entries
        if (age := keep.get(folder_of(entry.key))) is not None and now - entry.modified > age
    ]


def names_in(document: Any) -> Iterator[str]:  # noqa: ANN401, any JSON
    """Every text in a JSON document that may be a storage key, without `store:`."""
    if isinstance(document, str):
        yield document.removeprefix(SCHEME)
    elif isinstance(document, Mapping):
        for value in document.values():
            yield from names_in(value)
    elif isinstance(document, list | tuple):
        for value in document:
            yield from names_in(value)


def is_named(key: str, names: Collection[str]) -> bool:
    """A key, or any file of the same stage and digest: what is made together goes together."""
    return key in names or digest_of(key) in names


def digest_of(key: str) -> str:
    """`clips/3f9a` of `clips/3f9a.motion.npz`."""
    return f"{folder_of(key)}/{PurePosixPath(key).name.partition('.')[0]}"


def folder_of(key: str) -> str:
    return key.partition("/")[0]


def count(deleted: Iterable[Entry], kept: Iterable[Entry], *, dry_run: bool) -> ExpiryReport:
    gone, stayed = list(deleted), list(kept)
    folders = sorted({folder_of(entry.key) for entry in (*gone, *stayed)})
    return ExpiryReport(
        dry_run=dry_run,
        folders=tuple(
            Expired(
                folder=folder,
                files=sum(folder_of(entry.key) == folder for entry in gone),
                megabytes=sum(e.size for e in gone if folder_of(e.key) == folder) / 1e6,
                kept=sum(folder_of(entry.key) == folder for entry in stayed),
            )
            for folder in folders
        ),
    )


def markdown(report: ExpiryReport) -> str:
    done = "would be deleted" if report.dry_run else "deleted"
    if not report.folders:
        return "Nothing is past its age.\n"
    rows = "\n".join(
        f"| {each.folder} | {each.files} | {each.megabytes:.1f} | {each.kept} |"
        for each in report.folders
    )
    return f"| folder | {done} | MB | kept, still named |\n|---|--:|--:|--:|\n{rows}\n"
