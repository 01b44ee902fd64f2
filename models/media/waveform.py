"""Sound in memory, and the timed words and phonemes that go with it."""

from dataclasses import dataclass
from pathlib import Path

from models.arrays import F32

ANALYSIS_RATE_HZ = 16_000


@dataclass(frozen=True)
class Waveform:
    samples: F32  # (N,) mono, -1..1
    sample_rate_hz: int

    @property
    def duration_s(self) -> float:
        return len(self.samples) / self.sample_rate_hz


@dataclass(frozen=True)
class Recording:
    """A mono 16-bit WAV on disk, checked; long audio never sits in memory."""

    path: Path
    sample_rate_hz: int
    samples: int

    @property
    def duration_s(self) -> float:
        return self.samples / self.sample_rate_hz


@dataclass(frozen=True)
class Phoneme:
    ipa: str  # "" is a pause
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Word:
    text: str  # as written, with its punctuation
    start_s: float
    end_s: float


@dataclass(frozen=True)
class SpokenAudio:
    """What every speech source yields. Phonemes and words are () where nobody knows them."""

    recording: Recording
    phonemes: tuple[Phoneme, ...] = ()
    words: tuple[Word, ...] = ()
    text: str | None = None
    language: str = "en-us"
