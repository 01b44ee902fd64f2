"""Renderers that misbehave, for workers' processes too, and segments short enough for tests.

A worker's child calls `install` before its first run; what happened is told by files in the
folder that AVATAR_TEST_FOLDER names.
"""

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from models import segments
from models.arrays import U8
from models.errors import EncodeFailed, MissingModels
from models.mesh.renderer import MeshPortrait, MeshRenderer
from models.motion.tracks import MotionTrack
from models.renderer import Offer, Span
from models.renderers import RENDERERS

FOLDER = "AVATAR_TEST_FOLDER"
IN_A_WORKER = "pytest" not in sys.modules


def install() -> None:
    segments.TARGET_S, segments.SHORTEST_S, segments.LONGEST_S = 2, 1, 3
    for kind in (Counting, Slow, DiesOnce, Hangs, FailsOnce, FailsTwice, NeverWorks):
        RENDERERS[kind.name] = offer(kind)


def offer(kind: type[MeshRenderer]) -> Offer:
    return Offer(kind.card, lambda home: kind(home.device))


def rendered() -> list[str]:
    """The spans that anybody began to render, one for each time."""
    return sorted(path.name.split("-")[0] for path in Path(os.environ[FOLDER]).glob("*-began-*"))


def note(what: str) -> bool:
    """Whether it was not noted before."""
    path = Path(os.environ[FOLDER], what)
    fresh = not path.exists()
    path.touch()
    return fresh


class Counting(MeshRenderer):
    name = "counting"

    def render(self, prepared: MeshPortrait, motion: MotionTrack, span: Span) -> Iterator[U8]:
        note(f"{span.first}-began-{os.getpid()}-{time.monotonic_ns()}")
        yield from super().render(prepared, motion, span)


class Slow(Counting):
    """Some three seconds a segment."""

    name = "slow"

    def render(self, prepared: MeshPortrait, motion: MotionTrack, span: Span) -> Iterator[U8]:
        for batch in super().render(prepared, motion, span):
            time.sleep(0.06 * len(batch))
            yield batch


class DiesOnce(Counting):
    """As if the memory had run out, in the middle of the second segment."""

    name = "dies-once"

    def render(self, prepared: MeshPortrait, motion: MotionTrack, span: Span) -> Iterator[U8]:
        for count, batch in enumerate(super().render(prepared, motion, span)):
            if IN_A_WORKER and span.first and count == 1 and note(f"died-{span.first}"):
                os.kill(os.getpid(), signal.SIGKILL)
            yield batch


class Hangs(Counting):
    name = "hangs"

    def render(self, prepared: MeshPortrait, motion: MotionTrack, span: Span) -> Iterator[U8]:
        time.sleep(600)
        yield from super().render(prepared, motion, span)


class FailsOnce(Counting):
    name = "fails-once"

    def render(self, prepared: MeshPortrait, motion: MotionTrack, span: Span) -> Iterator[U8]:
        if note(f"failed-{span.first}"):
            raise EncodeFailed("the encoder hiccuped")
        yield from super().render(prepared, motion, span)


class FailsTwice(Counting):
    """Once more than a task tries by itself."""

    name = "fails-twice"

    def render(self, prepared: MeshPortrait, motion: MotionTrack, span: Span) -> Iterator[U8]:
        if any(note(f"failed-{span.first}-{time}") for time in ("first", "second")):
            raise EncodeFailed("the encoder hiccuped")
        yield from super().render(prepared, motion, span)


class NeverWorks(Counting):
    name = "never-works"

    def render(self, prepared: MeshPortrait, motion: MotionTrack, span: Span) -> Iterator[U8]:
        if span.first:
            raise MissingModels("the weights are gone: run `make setup`")
        yield from super().render(prepared, motion, span)
