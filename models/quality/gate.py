"""The gate a finished video passes, or fails with the reason."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from models.arrays import F32
from models.contracts import Check, QualityReport
from models.errors import BelowTheBar, EncodeFailed
from models.media.probe import probe
from models.media.waveform import ANALYSIS_RATE_HZ, Recording, Word
from models.motion.tracks import MotionTrack
from models.quality.captions import captions_lag_s
from models.quality.checks import judge
from models.quality.landmarks import FaceFinder, measure_frames
from models.quality.likeness import Photo
from models.quality.measured import Container, Speech
from models.quality.sample import choose, eyes_open, lips_together
from models.quality.sound import COMPARED_S, heard, loudness_lufs, match, recorded
from models.quality.sync import wanted_opening
from models.speech.features import hear


def assess(
    video: Path,
    recording: Recording,
    motion: MotionTrack,
    fps: Fraction,
    finder: FaceFinder,
    *,
    photo: Photo | None = None,
    words: Sequence[Word] = (),
) -> QualityReport:
    """Measure the file itself. Its frames must be those that `motion` commanded.

    Without the photo whose face it is, and the words that captions show, neither is judged.
    """
    index = choose(motion, near=round(COMPARED_S * fps))
    lips, eyes = lips_together(motion)[index], eyes_open(motion)[index]
    seen = measure_frames(video, finder, index, lips, eyes, photo)
    sound = heard(video)
    container = measure_container(video, recording, sound)
    speech = measure_speech(sound, words)
    return QualityReport(checks=judge(seen, container, speech, motion, fps))


def measure_container(video: Path, recording: Recording, sound: F32) -> Container:
    facts = probe(video)
    if facts.sound is None:
        raise EncodeFailed(f"{video.name} has no sound: render it again")
    given = recorded(recording)
    found = match(sound, given)
    return Container(
        frames=facts.frames,
        video_s=facts.duration_s,
        audio_s=facts.sound.duration_s,
        av_offset_s=(found.lag_s if found else 0.0) - facts.start_s,
        loudness_lufs=loudness_lufs(sound),
        recording_lufs=loudness_lufs(given),
        sound_likeness=found.likeness if found else 1.0,
    )


def measure_speech(sound: F32, words: Sequence[Word] = ()) -> Speech:
    listened = hear([sound])
    spoken_in_it = [word for word in words if word.end_s <= len(sound) / ANALYSIS_RATE_HZ]
    return Speech(wanted_opening(listened), captions_lag_s(spoken_in_it, listened.energy_db))


def require_quality(report: QualityReport) -> QualityReport:
    """The report itself. Raises BelowTheBar, which names every failed check, value and bar."""
    if not report.passed:
        found = "; ".join(map(_told, report.failures()))
        raise BelowTheBar(
            f"the video is not good enough to deliver ({found}): "
            "try another picture or recording, or lower head motion and expressiveness"
        )
    return report


def _told(check: Check) -> str:
    detail = f", {check.detail}" if check.detail else ""
    return f"{check.name} {check.value:.3g}, must be {check.bar}{detail}"
