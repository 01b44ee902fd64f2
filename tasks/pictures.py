"""Thumbnail and contact sheet of a rendered clip."""

from prefect import task

from models.motion.files import load_track
from models.motion.tracks import MotionTrack
from models.stages import DrawnPictures, RenderedClip
from tasks import loaded
from tasks.journal import recorded
from tasks.policies import RESULT, cached, key_of, store


def picture_files(clip: RenderedClip) -> tuple[str, str]:
    """Thumbnail and contact sheet."""
    name = key_of("pictures", clip.video, clip.sha256)
    return f"{name}.jpg", f"{name}.png"


@task(
    name="draw-pictures",
    timeout_seconds=300,
    cache_key_fn=cached(picture_files),
    persist_result=True,
    result_serializer=RESULT,
)
@recorded
def draw_pictures(clip: RenderedClip) -> DrawnPictures:
    """Still pictures, out of the finished file."""
    from models import pictures

    thumbnail, sheet = picture_files(clip)
    with store().work_folder() as folder:
        pictures.draw_pictures(
            store().path(clip.video),
            load_track(MotionTrack, store().path(clip.motion)),
            clip.fps.rational,
            loaded.face_analyser(),
            folder / "thumbnail.jpg",
            folder / "sheet.png",
        )
        store().put(folder / "thumbnail.jpg", thumbnail)
        store().put(folder / "sheet.png", sheet)
    return DrawnPictures(thumbnail=thumbnail, contact_sheet=sheet)
