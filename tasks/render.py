"""Render and encode: one task, because frames never cross a task's border."""

from pathlib import Path
from typing import TYPE_CHECKING

from prefect import task

from models.contracts import BackgroundKind, Captions, Look
from models.motion.files import load_track, save_track
from models.motion.tracks import MouthTrack
from models.stages import CheckedPortrait, FollowedMouth, MadeSpeech, RenderedClip
from models.storage import file_sha256
from tasks import loaded
from tasks.policies import RESULT, cached, is_transient, key_of, store
from tasks.progress import Progress, begin
from tasks.settings import settings

if TYPE_CHECKING:
    from models.clip import Scene


def clip_files(
    portrait: CheckedPortrait,
    speech: MadeSpeech,
    mouth: FollowedMouth,
    look: Look,
    renderer: str,
) -> tuple[str, str]:
    """The video and the motion that it was commanded."""
    made_of = (portrait.image, portrait.face_index, speech.recording, mouth.track, renderer)
    name = key_of("clips", *made_of, *_seen_of(look))
    suffix = "webm" if look.background.kind is BackgroundKind.TRANSPARENT else "mp4"
    return f"{name}.{suffix}", f"{name}.motion.npz"


def _seen_of(look: Look) -> tuple[object, ...]:
    """What of the look shows in the frames: a picture by its content, captions only if burned."""
    captions = look.captions if look.captions is Captions.BURNED else Captions.NONE
    picture = look.background.picture
    content = file_sha256(Path(picture)) if picture else ""
    return look.model_copy(update={"captions": captions}), content


@task(
    name="render-clip",
    retries=1,
    retry_delay_seconds=1,
    retry_condition_fn=is_transient,
    timeout_seconds=6 * 3600,
    cache_key_fn=cached(clip_files),
    persist_result=True,
    result_serializer=RESULT,
)
def render_clip(
    portrait: CheckedPortrait,
    speech: MadeSpeech,
    mouth: FollowedMouth,
    look: Look,
    renderer: str,
) -> RenderedClip:
    """One video file from everything before. Raises RenderError, OutputError."""
    from models.clip import write_clip

    begin("Preparing the portrait")
    scene = load_scene(portrait, speech, mouth, look)
    motion = scene.motion()
    video, commanded = clip_files(portrait, speech, mouth, look, renderer)
    engine = loaded.renderer(renderer)
    with store().work_folder() as folder:
        out = folder / Path(video).name
        progress = Progress("Rendering", len(motion))
        times = write_clip(engine, scene, motion, out, progress.advance)
        save_track(motion, folder / "motion.npz")
        store().put(folder / "motion.npz", commanded)
        store().put(out, video)
        return RenderedClip(
            video=video,
            motion=commanded,
            sha256=file_sha256(out),
            width=look.size[0],
            height=look.size[1],
            fps=look.fps,
            frames=len(motion),
            duration_s=float(len(motion) / look.fps.rational),
            renderer=engine.card.name,
            renderer_version=engine.card.version,
            prepare_s=times.prepare_s,
            render_s=times.render_s,
        )


def load_scene(
    portrait: CheckedPortrait, speech: MadeSpeech, mouth: FollowedMouth, look: Look
) -> "Scene":
    from models.clip import Scene, with_person_mask
    from models.portrait.image import load_picture

    picture = load_picture(store().path(portrait.image))
    behind = look.background.picture
    return Scene(
        picture=with_person_mask(picture, look, settings().models),
        face=loaded.face_analyser().faces(picture)[portrait.face_index],
        spoken=loaded.spoken(speech),
        mouth=load_track(MouthTrack, store().path(mouth.track)),
        look=look,
        backdrop=load_picture(Path(behind)) if behind else None,
    )
