"""Curves on disk: one NPZ a track, one array a field."""

from dataclasses import fields
from pathlib import Path
from typing import TypeVar

import numpy as np

from models.motion.tracks import MotionTrack, MouthTrack

Track = TypeVar("Track", MouthTrack, MotionTrack)


def save_track(track: MouthTrack | MotionTrack, path: Path) -> None:
    """`path` ends in .npz."""
    np.savez(path, **{field.name: getattr(track, field.name) for field in fields(track)})


def load_track(kind: type[Track], path: Path) -> Track:
    with np.load(path) as arrays:
        return kind(**arrays)
