"""What every renderer is: a card that describes it, `prepare` once a portrait, `render` often."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from models.arrays import U8
from models.contracts import Look
from models.motion.tracks import MotionTrack
from models.portrait.face import Face, Picture


@dataclass(frozen=True)
class Card:
    name: str
    version: str  # part of every cache key: a new version renders anew
    licence: str
    commercial_use: bool


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
        """Batches (B, H, W, 3) RGB, or RGBA, of the span; the same whatever the batch size."""
