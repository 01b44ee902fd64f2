"""Curves on disk: one NPZ a track, one array a field."""

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from models.motion.tracks import Heard, MotionTrack, MouthTrack

Track = TypeVar("Track", MouthTrack, MotionTrack)
HEARD = "heard."  # before the names of its own arrays


def save_track(track: MouthTrack | MotionTrack, path: Path) -> None:
    """`path` ends in .npz."""
    np.savez(path, **dict(_arrays(track)))


def load_track(kind: type[Track], path: Path) -> Track:
    with np.load(path) as file:
        arrays = dict(file)
    heard = {name: arrays.pop(name) for name in list(arrays) if name.startswith(HEARD)}
    if heard:
        arrays["heard"] = Heard(**{name.removeprefix(HEARD): heard[name] for name in heard})
    return kind(**arrays)


def _arrays(track: MouthTrack | MotionTrack) -> Iterator[tuple[str, Any]]:
    for field in fields(track):
        value = getattr(track, field.name)
        if isinstance(value, Heard):
            yield from (
                (f"{HEARD}{part.name}", getattr(value, part.name)) for part in fields(value)
            )
        elif value is not None:
            yield field.name, value
