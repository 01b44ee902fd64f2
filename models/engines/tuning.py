"""How fast each way of rendering is on one machine, and which of them it should use."""

from collections.abc import Iterable
from datetime import datetime

from models.contracts import Contract

FOLDER = "engines"


class Candidate(Contract):
    """One way to render. What neural renderers add, a precision or a plan, goes into `engine`."""

    renderer: str
    device: str  # torch's name
    engine: str
    batch: int  # frames
    resolution: int = 512  # short side, pixels

    @property
    def alike(self) -> tuple[str, str, int]:
        """Those are compared with each other."""
        return self.renderer, self.device, self.resolution


class Measured(Contract):
    candidate: Candidate
    frames_per_s: float = 0.0
    peak_mb: int = 0  # of the process, on a GPU of its memory too
    gpu_peak_mb: int = 0
    cold_s: float = 0.0  # from a new process to a renderer that is ready for a portrait
    psnr_db: float | None = None  # of a network's pictures against FP32's
    largest: float | None = None  # difference of any value, of a range of 1
    error: str = ""  # why it cannot be used here

    @property
    def usable(self) -> bool:
        return not self.error


class Tuning(Contract):
    """What one machine measured: stored as JSON, and read where a renderer is loaded."""

    machine: str
    made_at: datetime
    best: tuple[Measured, ...]  # one a renderer, device and resolution
    measured: tuple[Measured, ...]

    def choice_of(self, renderer: str, device: str) -> Candidate | None:
        """What to load the renderer with."""
        for one in self.best:
            if (one.candidate.renderer, one.candidate.device) == (renderer, device):
                return one.candidate
        return None


def key_of(machine: str) -> str:
    """Storage key of a machine's tuning."""
    plain = "".join(char if char.isalnum() or char in "._-" else "-" for char in machine.lower())
    return f"{FOLDER}/{plain.strip('._-') or 'machine'}.json"


def best_of(measured: Iterable[Measured]) -> tuple[Measured, ...]:
    """The fastest of each kind; of two within 3 per cent the one with the smaller batch."""
    kinds: dict[tuple[str, str, int], list[Measured]] = {}
    for one in measured:
        if one.usable:
            kinds.setdefault(one.candidate.alike, []).append(one)
    return tuple(_best(found) for found in kinds.values())


def _best(found: list[Measured]) -> Measured:
    top = max(one.frames_per_s for one in found)
    near = [one for one in found if one.frames_per_s >= 0.97 * top]
    return min(near, key=lambda one: (one.candidate.batch, -one.frames_per_s))


def as_table(tuning: Tuning) -> list[dict[str, object]]:
    """The fastest first, what cannot be used last."""
    ordered = sorted(tuning.measured, key=lambda one: (not one.usable, -one.frames_per_s))
    return [
        {
            "renderer": one.candidate.renderer,
            "device": one.candidate.device,
            "engine": one.candidate.engine,
            "batch": one.candidate.batch,
            "resolution": one.candidate.resolution,
            "frames/s": round(one.frames_per_s, 1),
            "peak MB": one.peak_mb,
            "GPU peak MB": one.gpu_peak_mb,
            "cold s": round(one.cold_s, 1),
            "PSNR dB": "" if one.psnr_db is None else round(one.psnr_db, 1),
            "largest error": "" if one.largest is None else round(one.largest, 3),
            "chosen": "yes" if one in tuning.best else "",
            "why not": one.error,
        }
        for one in ordered
    ]
