"""The controls that move a face, as curves over absolute time.

Lengths are in units of S, the distance between the outer eye corners (landmarks 33 and 263).
"""

import hashlib
from dataclasses import dataclass

from models.arrays import F32, I16, I32
from models.media.waveform import ANALYSIS_RATE_HZ

MOUTH_RATE_HZ = 100
MEL_BANDS, MEL_RATE_HZ, WINDOW_ROWS = 80, 80, 16  # of what a frame hears: 0.2 s
STEP_RATE_HZ, HEARD_STEPS = 50, 10  # of what a frame hears through an encoder: 0.2 s too
ENCODED = 1500  # steps that an encoder hears at once, 30 s, counted from the sound's beginning
MOUTH_CHANNELS = ("gap", "jaw", "wide", "pucker", "ulift", "ff", "press", "tongue", "closure")


@dataclass(frozen=True)
class MouthTrack:
    """Mouth controls at 100 Hz; row k is time (k + 0.5) / 100 s."""

    values: F32  # (T, 9), columns as MOUTH_CHANNELS
    energy_db: F32  # (T,) loudness relative to the utterance's speech level, dB, -60..20


@dataclass(frozen=True)
class Heard:
    """The sound, for renderers whose mouth follows it: a window of mel rows a frame."""

    rows: F32  # (M, 80) mel bands at 80 rows a second, -4..4
    starts: I32  # (F,) the row at which each frame's window begins

    def digest(self, first: int, stop: int) -> bytes:
        """Of what frames first..stop-1 hear, wherever it stands in the sound."""
        starts = self.starts[first:stop]
        low = int(starts[0])
        rows = self.rows[low : int(starts[-1]) + WINDOW_ROWS]
        return (starts - low).tobytes() + rows.tobytes()


@dataclass(frozen=True)
class Sound:
    """The sound, for renderers with ears of their own, which hear 30 seconds at once."""

    samples: I16  # (N,) at 16 kHz
    starts: I32  # (F,) the first of the ten steps that each frame hears; below 0 is silence

    def digest(self, first: int, stop: int) -> bytes:
        """Of what frames first..stop-1 hear: all the 30 seconds that they reach into."""
        starts = self.starts[first:stop]
        lowest = max(0, int(starts[0])) // ENCODED
        highest = max(0, int(starts[-1]) + HEARD_STEPS - 1) // ENCODED
        window = ENCODED * ANALYSIS_RATE_HZ // STEP_RATE_HZ
        samples = self.samples[lowest * window : (highest + 1) * window]
        return (starts - lowest * ENCODED).tobytes() + samples.tobytes()


@dataclass(frozen=True)
class MotionTrack:
    """Everything a renderer needs, one row a frame; row i is time (i + 0.5) / fps."""

    mouth: F32  # (F, 9), columns as MOUTH_CHANNELS
    blink: F32  # (F,) 0 as in the photo .. 1 closed
    gaze: F32  # (F, 2) iris shift right and down, units of S
    brow: F32  # (F,) raise, units of S
    head: F32  # (F, 5) tx, ty (units of S), roll, yaw, pitch (radians)
    heard: Heard | None = None
    sound: Sound | None = None

    def __len__(self) -> int:
        return len(self.mouth)

    def digest(self, first: int, stop: int) -> str:
        """Of the rows first..stop-1: equal ones command equal frames."""
        found = hashlib.sha256()
        for rows in (self.mouth, self.blink, self.gaze, self.brow, self.head):
            found.update(rows[first:stop].tobytes())
        for carried in (self.heard, self.sound):
            if carried is not None:
                found.update(carried.digest(first, stop))
        return found.hexdigest()
