"""What one stage hands to the next: storage keys and a few facts, never pixels or samples."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from models.contracts import Contract, Encoder, FrameRate, Look, PortraitReport
from models.journal import Stage
from models.media.waveform import Phoneme, Recording, SpokenAudio, Word

PAYLOAD_DIGITS = 12  # hexadecimal, of 4 bits each


class CheckedPortrait(Contract):
    image: str  # storage key
    sha256: str
    face_index: int
    report: PortraitReport
    seconds: float

    @property
    def warnings(self) -> tuple[str, ...]:
        return self.report.warnings + self.report.faces[self.report.chosen].warnings


class GivenConsent(Contract):
    sha256: str = ""  # of the record; empty: none is needed, or none is there
    warnings: tuple[str, ...] = ()


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


class BurnedCue(Contract):
    """A caption that is part of the picture; times are the video's."""

    start_s: float
    end_s: float
    lines: tuple[str, ...]


class Segment(Contract):
    """Frames first..stop-1 of a video and all that they are made of, for any machine."""

    key: str  # storage key of its file, a digest of what follows
    portrait: str  # storage key
    face_index: int
    motion: str  # storage key of the whole video's motion, NPZ
    first: int
    stop: int
    look: Look  # of it, only what shows; a picture behind is `store:KEY`
    cues: tuple[BurnedCue, ...] = ()
    renderer: str
    weights: str = ""  # sha256 of those that the renderer needs
    mark: int | None = None  # what its frames say, unseen: 48 bits
    encoder: Encoder = Encoder.X264

    @property
    def facts(self) -> str:
        """Storage key of the RenderedSegment; where it is, so is the file."""
        return self.key.rsplit(".", 1)[0] + ".json"

    @property
    def frames(self) -> int:
        return self.stop - self.first


class RenderedSegment(Contract):
    video: str  # storage key
    sha256: str
    frames: int
    renderer: str
    renderer_version: str
    prepare_s: float
    render_s: float
    stage: Stage | None = None  # how it was made


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
    segments: int = 1
    video_id: str = ""  # as its credentials have it
    credentials: str | None = None  # storage key, where they lie beside the video
    marks: tuple[str, ...] = ()  # of the segments, hexadecimal, in order
    consent: str = ""  # sha256 of the record that it was made under
    prepare_s: float  # of all segments together, as is render_s
    render_s: float
    join_s: float = 0.0


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
