"""Where a long video is cut into parts that are rendered apart: in the pauses of its speech.

Rendering does not need the silence, a frame depends on its own controls alone; but each part
begins with a key frame, and where nothing moves a fresh one shows least.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from models.arrays import F32
from models.media.waveform import Phoneme
from models.motion.tracks import MOUTH_RATE_HZ
from models.renderer import Span

TARGET_S, SHORTEST_S, LONGEST_S = 20, 10, 30
LONG_PAUSE_S = 1.0  # longer ones hide no more
WORTH_S = 0.1  # of pause, that a boundary may be a second farther from the target for
QUIET_DB = -30.0  # against the speech's own level


@dataclass(frozen=True)
class Pause:
    start_s: float
    end_s: float

    @property
    def middle_s(self) -> float:
        return (self.start_s + self.end_s) / 2

    @property
    def length_s(self) -> float:
        return self.end_s - self.start_s


def pauses(phonemes: Sequence[Phoneme], energy_db: F32) -> list[Pause]:
    """Of timed phonemes where they are known, else of the energy (T,) at 100 Hz; rising."""
    if phonemes:
        return [Pause(each.start_s, each.end_s) for each in phonemes if not each.ipa]
    edges = np.diff(np.concatenate(([False], energy_db < QUIET_DB, [False])).astype(np.int8))
    starts, stops = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    pairs = zip(starts / MOUTH_RATE_HZ, stops / MOUTH_RATE_HZ, strict=True)
    return [Pause(float(start), float(stop)) for start, stop in pairs]


def spans(frames: int, fps: Fraction, found: Sequence[Pause]) -> tuple[Span, ...]:
    """All the frames, in spans of about 20 s, from 10 to 30; what is shorter stays whole."""
    shortest, longest = SHORTEST_S * fps, LONGEST_S * fps
    cut: list[Span] = []
    first = 0
    while frames - first > longest:
        window = (first + shortest, min(first + longest, frames - shortest))
        stop = _boundary(first + TARGET_S * fps, window, fps, found)
        cut.append(Span(first, stop))
        first = stop
    return (*cut, Span(first, frames))


def _boundary(
    target: Fraction, window: tuple[Fraction, Fraction], fps: Fraction, found: Sequence[Pause]
) -> int:
    """The frame within the window, both ends included, that begins the next span."""
    lowest, highest = -(-window[0] // 1), window[1] // 1
    wanted = min(max(round(target), lowest), highest)
    best, choice = 0.0, wanted
    for pause in found:
        frame = round(pause.middle_s * fps)
        worth = min(pause.length_s, LONG_PAUSE_S) - WORTH_S * abs(frame - wanted) / float(fps)
        if lowest <= frame <= highest and worth > best:
            best, choice = worth, frame
    return choice
