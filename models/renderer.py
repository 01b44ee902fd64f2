"""What every renderer is: a card that describes it, `prepare` once a portrait, `render` often."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

from models.arrays import U8
from models.contracts import Look
from models.motion.tracks import MotionTrack
from models.portrait.face import Face, Picture

Hearing = Literal["mel", "samples"]  # rows of a spectrogram, or the sound for ears of its own


@dataclass(frozen=True)
class Card:
    name: str
    version: str  # part of every cache key: a new version renders anew
    licence: str  # of its code
    commercial_use: bool  # of the whole; where it needs weights, theirs decides
    weights: str | None = None  # the name of those it needs
    hears: Hearing | None = None  # where its mouth follows the sound: what the motion must carry
    rank: int = 0  # `auto` takes the highest that is fast enough
    frames_per_s: tuple[tuple[str, float], ...] = ()  # seen at 512x512, two cores or one card
    gpu_memory_mb: int = 0

    def speed_on(self, device: str) -> float:
        """Frames a second seen on such a device; 0 where nobody measured."""
        return dict(self.frames_per_s).get(device.partition(":")[0], 0.0)


@dataclass(frozen=True)
class Home:
    """What a process that renders has, and may use."""

    device: str = "cpu"  # torch's name
    weights: Path = Path("weights")  # folder that `avatar weights` fills
    plans: Path = Path("plans")  # folder of engines built for this machine
    engine: str | None = None  # the one that was measured to be best
    tensorrt: bool = False
    half: bool = True  # 16-bit floats where they are faster
    max_batch: int | None = None  # frames at once
    threads: int = 1  # that a network computes with on a CPU


@dataclass(frozen=True)
class Span:
    """Frames first..stop-1 of a video."""

    first: int
    stop: int


class Prepared(Protocol):
    """A portrait made ready by a renderer, for one frame size."""

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""


P = TypeVar("P", bound=Prepared)


class Renderer(Protocol[P]):
    card: Card

    def prepare(
        self, picture: Picture, face: Face, look: Look, backdrop: Picture | None = None
    ) -> P:
        """The expensive part, once a portrait and a look.

        Unless the background is the original, `picture.alpha` is the mask of the person;
        `backdrop` is the picture behind, for background kind `picture`.
        """

    def render(self, prepared: P, motion: MotionTrack, span: Span) -> Iterator[U8]:
        """Batches (B, H, W, 3) RGB, or RGBA, of the span: the same wherever a span ends.

        In FP32 the batch size does not show either; 16-bit kernels may round otherwise. Nothing
        is computed before it is asked for, and nothing remains after the iterator is closed.
        Raises SetupError where the motion lacks what the card says it hears.
        """


@dataclass(frozen=True)
class Offer:
    """A renderer that can be had: a package's entry point in the group `avatar.renderers`.

    Importing it must be quick; what is heavy waits for `load`.
    """

    card: Card
    load: Callable[[Home], Renderer[Any]]  # raises SetupError
