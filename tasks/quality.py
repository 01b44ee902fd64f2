"""Measure the finished file; what is below the bar is not delivered."""

from prefect import task

from models.contracts import QualityReport
from models.motion.files import load_track
from models.motion.tracks import MotionTrack
from models.stages import MadeSpeech, RenderedClip
from tasks import loaded
from tasks.journal import measured, recorded
from tasks.policies import RESULT, cached, keep, key_of, store
from tasks.progress import begin


def quality_files(clip: RenderedClip, speech: MadeSpeech) -> tuple[str]:
    return (key_of("quality", clip.video, clip.sha256, speech.recording) + ".json",)


@task(
    name="check-quality",
    timeout_seconds=900,
    cache_key_fn=cached(quality_files),
    persist_result=True,
    result_serializer=RESULT,
)
@recorded
def check_quality(clip: RenderedClip, speech: MadeSpeech) -> QualityReport:
    """Lips, eyes, sound and length of the file itself. Raises BelowTheBar."""
    from models.quality.gate import assess, require_quality

    begin("Checking the result")
    report = assess(
        store().path(clip.video),
        loaded.spoken(speech).recording,
        load_track(MotionTrack, store().path(clip.motion)),
        clip.fps.rational,
        loaded.face_analyser(),
    )
    measured(report.checks)
    require_quality(report)
    keep(report, *quality_files(clip, speech))
    return report
