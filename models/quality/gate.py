"""The gate a finished video passes, or fails with the reason."""

from fractions import Fraction
from pathlib import Path

from models.contracts import Check, QualityReport
from models.errors import BelowTheBar, EncodeFailed
from models.media.probe import probe
from models.media.waveform import Recording
from models.motion.tracks import MotionTrack
from models.quality.checks import judge
from models.quality.landmarks import FaceFinder, measure_frames
from models.quality.measured import Container
from models.quality.sample import choose, eyes_open, lips_together
from models.quality.sound import heard, lag_s, loudness_lufs, recorded


def assess(
    video: Path, recording: Recording, motion: MotionTrack, fps: Fraction, finder: FaceFinder
) -> QualityReport:
    """Measure the file itself. Its frames must be those that `motion` commanded."""
    index = choose(motion)
    lips, eyes = lips_together(motion)[index], eyes_open(motion)[index]
    frames = measure_frames(video, finder, index, lips, eyes)
    return QualityReport(checks=judge(frames, measure_container(video, recording), motion, fps))


def measure_container(video: Path, recording: Recording) -> Container:
    facts = probe(video)
    if facts.sound is None:
        raise EncodeFailed(f"{video.name} has no sound: render it again")
    played, given = heard(video), recorded(recording)
    return Container(
        frames=facts.frames,
        video_s=facts.duration_s,
        audio_s=facts.sound.duration_s,
        av_offset_s=lag_s(played, given) - facts.start_s,
        loudness_lufs=loudness_lufs(played),
        recording_lufs=loudness_lufs(given),
    )


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
