"""Measure the finished file; what is below the bar is not delivered."""

from typing import TYPE_CHECKING

from prefect import task

from models.contracts import QualityReport
from models.motion.files import load_track
from models.motion.tracks import MotionTrack
from models.stages import CheckedPortrait, MadeSpeech, RenderedClip
from tasks import loaded
from tasks.journal import measured, recorded
from tasks.policies import RESULT, cached, keep, key_of, store
from tasks.progress import begin

if TYPE_CHECKING:
    from models.quality.likeness import Photo


def quality_files(clip: RenderedClip, speech: MadeSpeech, portrait: CheckedPortrait) -> tuple[str]:
    face = portrait.image, portrait.face_index
    said = speech.recording, speech.words
    return (key_of("quality", clip.video, clip.sha256, *said, *face) + ".json",)


@task(
    name="check-quality",
    timeout_seconds=900,
    cache_key_fn=cached(quality_files),
    persist_result=True,
    result_serializer=RESULT,
)
@recorded
def check_quality(
    clip: RenderedClip, speech: MadeSpeech, portrait: CheckedPortrait
) -> QualityReport:
    """Lips, eyes, face, sound and length of the file itself. Raises BelowTheBar."""
    from models.quality.gate import assess, require_quality

    begin("Checking the result")
    spoken = loaded.spoken(speech)
    report = assess(
        store().path(clip.video),
        spoken.recording,
        load_track(MotionTrack, store().path(clip.motion)),
        clip.fps.rational,
        loaded.face_analyser(),
        photo=_photo(portrait),
        words=spoken.words,
    )
    measured(report.checks)
    require_quality(report)
    keep(report, *quality_files(clip, speech, portrait))
    return report


def _photo(portrait: CheckedPortrait) -> "Photo":
    from models.portrait.image import load_picture
    from models.quality.likeness import Photo

    picture = load_picture(store().path(portrait.image))
    face = loaded.face_analyser().faces(picture)[portrait.face_index]
    return Photo(picture.rgb, face.landmarks)
