"""Which workers there are, in files, for the autoscaler that comes after this one was killed."""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from infra.autoscaler.drivers.worker_process import WorkerProcess
from models.errors import SetupError
from models.media.files import replacing, writing_to

_BOOT = Path("/proc/sys/kernel/random/boot_id")


class Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    pid: int
    started: int
    boot: str  # of the machine: after another, the numbers mean nothing
    draining: bool = False


class Records:
    """A folder that one autoscaler at a time holds, until it ends in whatever way."""

    def __init__(self, folder: Path) -> None:
        """Raises SetupError, OutputNotWritable."""
        self._folder = folder
        with writing_to(folder):
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._lock)
            raise SetupError(
                f"another autoscaler holds {folder}: stop it, or name another folder"
            ) from error

    def close(self) -> None:
        os.close(self._lock)

    def keep(self, worker: WorkerProcess, *, draining: bool = False) -> None:
        if worker.started is None:
            return  # this system cannot tell it apart from another later
        record = Record(pid=worker.pid, started=worker.started, boot=_boot(), draining=draining)
        with replacing(self._file(worker.pid)) as part:
            part.write_text(record.model_dump_json())

    def forget(self, worker: WorkerProcess) -> None:
        self._file(worker.pid).unlink(missing_ok=True)

    def found(self) -> Iterator[tuple[WorkerProcess, bool]]:
        """Workers that still live, the oldest first, and whether each drains."""
        records = sorted(self._read(), key=lambda record: (record.started, record.pid))
        for record in records:
            worker = WorkerProcess(record.pid, record.started)
            if record.boot == _boot() and worker.lives():
                yield worker, record.draining or not worker.works()
            else:
                self.forget(worker)

    def _read(self) -> Iterator[Record]:
        for file in self._folder.glob("*.json"):
            try:
                yield Record.model_validate_json(file.read_bytes())
            except ValidationError as error:
                raise SetupError(f"{file} is no worker's record: remove it") from error

    def _file(self, pid: int) -> Path:
        return self._folder / f"{pid}.json"


def _boot() -> str:
    return _BOOT.read_text().strip() if _BOOT.is_file() else ""
