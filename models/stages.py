"""What one stage hands to the next: storage keys and a few facts, never pixels or samples."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from models.contracts import Contract, FrameRate, PortraitReport
from models.media.waveform import Phoneme, Recording, SpokenAudio, Word


class CheckedPortrait(Contract):
    image: str  # storage key
    sha256: str
    face_index: int
    report: PortraitReport
    seconds: float

    @property
    def warnings(self) -> tuple[str, ...]:
        return self.report.warnings + self.report.faces[self.report.chosen].warnings


class MadeSpeech(Contract):
    """A recording and what is known about it."""

    recording: str  # storage key of a mono 16-bit WAV
    words: str  # storage key of the timed phonemes and words, JSON
    sha256: str  # of the recording
    duration_s: float
    warnings: tuple[str, ...] = ()
    seconds: float


class FollowedMouth(Contract):
    track: str  # storage key of the mouth curves, NPZ
    seconds: float


class RenderedClip(Contract):
    video: str  # storage key
    motion: str  # storage key of the commanded motion, NPZ
    sha256: str
    width: int
    height: int
    fps: FrameRate
    frames: int
    duration_s: float
    renderer: str
    renderer_version: str
    warnings: tuple[str, ...] = ()
    prepare_s: float
    render_s: float


class DrawnPictures(Contract):
    thumbnail: str  # storage key of a JPEG
    contact_sheet: str  # storage key of a PNG


def spoken_to_json(spoken: SpokenAudio) -> str:
    """Everything but the samples, which stay in the recording's file."""
    document = asdict(spoken)
    document["recording"]["path"] = ""
    return json.dumps(document, ensure_ascii=False)


def spoken_from_json(text: str, recording: Path) -> SpokenAudio:
    document: dict[str, Any] = json.loads(text)
    facts = document["recording"] | {"path": recording}
    return SpokenAudio(
        recording=Recording(**facts),
        phonemes=tuple(Phoneme(**item) for item in document["phonemes"]),
        words=tuple(Word(**item) for item in document["words"]),
        text=document["text"],
        language=document["language"],
    )
