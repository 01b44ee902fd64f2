"""Still pictures of a finished clip: what a person looks at before playing it."""

from fractions import Fraction
from pathlib import Path

import numpy as np

from models.arrays import F32
from models.media.probe import sample_frames
from models.media.sheet import Box, calm_frame, contact_sheet, thumbnail
from models.motion.tracks import MOUTH_CHANNELS, MotionTrack
from models.quality.landmarks import FaceFinder
from models.quality.sample import closed, commanded_gap

FRAMES = 10
MOUTH = (61, 291, 0, 17)  # corners, and the middle of the upper and the lower lip
EYES = (33, 263, 159, 386, 145, 374)
MOUTH_MARGIN, EYES_MARGIN = 0.35, 0.3  # of the close-up's width


def draw_pictures(
    video: Path,
    motion: MotionTrack,
    fps: Fraction,
    finder: FaceFinder,
    thumbnail_file: Path,
    sheet_file: Path,
) -> None:
    """A JPEG of the calmest frame; a PNG of telling ones, mouth and eyes enlarged below each.

    Raises EncodeFailed where the video cannot be read.
    """
    calm = calm_frame(motion, fps)
    shown = telling_frames(motion)
    pictures = dict(sample_frames(video, {calm, *shown}))
    thumbnail(pictures[calm], thumbnail_file)
    face = finder.landmarks(pictures[calm])
    boxes = close_ups(face.landmarks) if face else {}
    frames = [(float((index + Fraction(1, 2)) / fps), pictures[index]) for index in shown]
    contact_sheet(frames, sheet_file, crops=boxes)


def telling_frames(motion: MotionTrack, count: int = FRAMES) -> list[int]:
    """A blink, closed lips, the roundest and the widest mouths for certain; the rest evenly."""
    gap, pucker = commanded_gap(motion), motion.mouth[:, MOUTH_CHANNELS.index("pucker")]
    thirds = [part for part in np.array_split(np.arange(len(motion)), 3) if len(part)]
    certain = {int(np.argmax(curve)) for curve in (motion.blink, closed(motion), pucker)}
    certain |= {int(part[np.argmax(gap[part])]) for part in thirds}
    evenly = np.linspace(0, len(motion) - 1, max(count - len(certain), 2)).round().astype(int)
    return sorted(certain | set(evenly.tolist()))


def close_ups(landmarks: F32) -> dict[str, Box]:
    """Boxes around mouth and eyes, in pixels of the frame."""
    return {
        "mouth": _around(landmarks[list(MOUTH), :2], MOUTH_MARGIN),
        "eyes": _around(landmarks[list(EYES), :2], EYES_MARGIN),
    }


def _around(points: F32, margin: float) -> Box:
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    room = margin * (right - left)
    return float(left - room), float(top - room), float(right + room), float(bottom + room)
