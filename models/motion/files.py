"""Curves on disk: one NPZ a track, one array a field."""

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from models.motion.tracks import Heard, MotionTrack, MouthTrack, Sound

Track = TypeVar("Track", MouthTrack, MotionTrack)
CARRIED: dict[str, type[Heard] | type[Sound]] = {"heard": Heard, "sound": Sound}  # by its field


def save_track(track: MouthTrack | MotionTrack, path: Path) -> None:
    """`path` ends in .npz."""
    np.savez(path, **dict(_arrays(track)))


def load_track(kind: type[Track], path: Path) -> Track:
    with np.load(path) as file:
        arrays: dict[str, Any] = dict(file)
    for field, carried in CARRIED.items():
        own = [name for name in arrays if name.startswith(f"{field}.")]
        if own:
            arrays[field] = carried(**{_inner(name): arrays.pop(name) for name in own})
    return kind(**arrays)


def _inner(name: str) -> str:
    return name.partition(".")[2]


def _arrays(track: MouthTrack | MotionTrack) -> Iterator[tuple[str, Any]]:
    for field in fields(track):
        value = getattr(track, field.name)
        if isinstance(value, Heard | Sound):
            inner = ((f"{field.name}.{part.name}", part.name) for part in fields(value))
            yield from ((name, getattr(value, part)) for name, part in inner)
        elif value is not None:
            yield field.name, value
