"""Engines built for one machine: made once, whoever asks, and anew when anything changes."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from models.locks import exclusively
from models.media.files import replacing, writing_to
from models.storage import digest


@dataclass(frozen=True)
class PlanKey:
    network: str  # its weights' digest and shapes
    precision: str
    device: str  # the CPU's or GPU's name
    versions: tuple[str, ...]  # of libraries and driver

    @property
    def name(self) -> str:
        return digest(self.network, self.precision, self.device, *self.versions)


class Plans:
    def __init__(self, root: Path) -> None:
        self.root = root

    def find(self, key: PlanKey) -> Path | None:
        file = self._file(key)
        return file if file.is_file() else None

    def get(self, key: PlanKey, build: Callable[[Path], object]) -> Path:
        """The file; `build` writes it where there is none, in one process at a time.

        A build that fails or is killed leaves nothing, and the next one starts over.
        """
        file = self._file(key)
        if file.is_file():
            return file
        with writing_to(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
        with exclusively(self.root / f"{key.name}.lock"):
            if not file.is_file():  # another process may have built it meanwhile
                with replacing(file) as part:
                    build(part)
        return file

    def _file(self, key: PlanKey) -> Path:
        return self.root / f"{key.name}.plan"
