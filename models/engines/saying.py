"""A sentence said here, for measuring what hears."""

import tempfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

from models.media.waveform import Recording
from models.speech.synthesis import EspeakSynthesiser

TEXT = (
    "The big brown fox may move his paw, but why would a very old wolf join him? "
    "She saw three thin fish shimmer, judged them, and chewed on her food in peace."
)

T = TypeVar("T")


def said(hear: Callable[[Recording, int, Fraction], T], frames: int, fps: Fraction) -> T:
    """What `hear` makes of it for so many frames. Raises SpeechFailed."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "speech.wav"
        spoken = EspeakSynthesiser().speak(TEXT, "en-us", 1.0, 1.0, file)
        return hear(spoken.recording, frames, fps)
