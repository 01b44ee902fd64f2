"""Engines built for one machine: made once, whoever asks, and anew when anything changes."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from models.locks import exclusively
from models.media.files import replacing, writing_to
from models.storage import digest

LIBRARIES = ("torch", "onnx", "onnxruntime", "tensorrt")


@dataclass(frozen=True)
class PlanKey:
    network: str  # its weights' digest and shapes
    precision: str
    device: str  # the CPU's or GPU's name
    versions: tuple[str, ...]  # of libraries and driver

    @property
    def name(self) -> str:
        return digest(self.network, self.precision, self.device, *self.versions)


def key_here(network: str, precision: str, device: str) -> PlanKey:
    """For torch's `device` of this machine, with the libraries that are installed."""
    import torch

    found = []
    for library in LIBRARIES:
        with suppress(PackageNotFoundError):
            found.append(f"{library} {version(library)}")
    on_card = torch.device(device).type == "cuda"
    unit = (
        torch.cuda.get_device_name(device) if on_card else torch.backends.cpu.get_cpu_capability()
    )
    return PlanKey(network, precision, unit, (*found, f"cuda {torch.version.cuda}"))


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
