"""From portrait and mouth to one video: its segments rendered here or in a pool, then joined."""

import time
from pathlib import Path

from prefect import task
from prefect.logging import get_run_logger

from models.contracts import LOWEST_RESOLUTION, Captions, Look
from models.errors import OutOfMemory
from models.motion.files import load_track, save_track
from models.motion.tracks import MouthTrack
from models.stages import (
    PAYLOAD_DIGITS,
    CheckedPortrait,
    FollowedMouth,
    MadeSpeech,
    RenderedClip,
    RenderedSegment,
    Segment,
)
from models.storage import file_sha256
from models.tally import looked_up
from tasks import loaded
from tasks.inputs import input_file
from tasks.journal import counted_on, include, recorded
from tasks.policies import RESULT, cached, is_transient, key_of, store
from tasks.pool import render_in_pool
from tasks.progress import Progress, begin
from tasks.segments import chosen_encoder, make_segment, segments_of, stored_segment
from tasks.settings import settings
from tasks.side_by_side import made_at_once


def clip_files(
    portrait: CheckedPortrait,
    speech: MadeSpeech,
    mouth: FollowedMouth,
    look: Look,
    renderer: str,
) -> tuple[str, str]:
    """The video and the motion that it was commanded."""
    drawn_by = loaded.chosen(renderer).identity
    made_of = (
        portrait.image,
        portrait.face_index,
        speech.recording,
        mouth.track,
        drawn_by,
        settings().watermark,
        chosen_encoder(),
    )
    name = key_of("clips", *made_of, *_seen_of(look))
    return f"{name}.{'webm' if look.transparent else 'mp4'}", f"{name}.motion.npz"


def _seen_of(look: Look) -> tuple[object, ...]:
    """What of the look shows in the frames: a picture by its content, captions only if burned."""
    captions = look.captions if look.captions is Captions.BURNED else Captions.NONE
    picture = look.background.picture
    content = file_sha256(input_file(picture)) if picture else ""
    background = look.background.model_copy(update={"picture": ""})
    shown = {"captions": captions, "background": background, "lower_resolution": False}
    return look.model_copy(update=shown), content


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
@recorded
def render_clip(
    portrait: CheckedPortrait,
    speech: MadeSpeech,
    mouth: FollowedMouth,
    look: Look,
    renderer: str,
) -> RenderedClip:
    """One video file from everything before. Raises RenderError, OutputError."""
    try:
        return _rendered(portrait, speech, mouth, look, renderer)
    except OutOfMemory as short:
        if not look.lower_resolution or look.resolution == LOWEST_RESOLUTION:
            raise
        told = f"rendered at {LOWEST_RESOLUTION} pixels instead of {look.resolution}: {short}"
        get_run_logger().warning(told)
    smaller = look.model_copy(update={"resolution": LOWEST_RESOLUTION})
    clip = _rendered(portrait, speech, mouth, smaller, renderer)
    return clip.model_copy(update={"warnings": (*clip.warnings, told)})


def _rendered(
    portrait: CheckedPortrait,
    speech: MadeSpeech,
    mouth: FollowedMouth,
    look: Look,
    renderer: str,
) -> RenderedClip:
    from models.clip import Plan
    from models.media.join import join
    from models.media.sound import SoundWriter

    begin("Preparing the portrait")
    video, commanded = clip_files(portrait, speech, mouth, look, renderer)
    plan = Plan(loaded.spoken(speech), load_track(MouthTrack, store().path(mouth.track)), look)
    choice = loaded.chosen(renderer)
    motion = plan.motion(hears=choice.card.hears)
    segments = segments_of(plan, motion, portrait, commanded, choice)
    with store().work_folder() as folder:
        save_track(motion, folder / "motion.npz")
        store().put(folder / "motion.npz", commanded)
        out, sound = folder / Path(video).name, folder / f"sound{Path(video).suffix}"
        with SoundWriter(plan.spoken.recording, sound, alpha=look.transparent) as voice:
            made = _made(segments)
            joining = time.perf_counter()
            voice.wait()
        files = [store().path(segment.video) for segment in made]
        join(files, sound, out, look.fps.rational, frames=len(motion), alpha=look.transparent)
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
            renderer=made[0].renderer,
            renderer_version=made[0].renderer_version,
            segments=len(made),
            marks=_marks(segments),
            prepare_s=sum(segment.prepare_s for segment in made),
            render_s=sum(segment.render_s for segment in made),
            join_s=time.perf_counter() - joining,
        )


@task(
    name="render-span",
    retries=1,
    retry_delay_seconds=1,
    retry_condition_fn=is_transient,
    timeout_seconds=1800,
    persist_result=False,
)
@recorded
def render_span(segment: Segment) -> RenderedSegment:
    """One segment into the store, if it is not there. Raises RenderError, SetupError."""
    progress = Progress("Rendering", segment.frames)
    return make_segment(segment, progress.advance)


def _made(segments: list[Segment]) -> list[RenderedSegment]:
    """All of them, in order, whoever renders them."""
    progress = Progress("Rendering", sum(segment.frames for segment in segments))
    deployment = settings().segment_deployment
    missing = [segment for segment in segments if stored_segment(segment) is None]
    counted_on(key for segment in segments for key in (segment.key, segment.facts))
    looked_up("segment", found=len(segments) - len(missing), missing=len(missing))
    if not deployment:
        at_once = settings().segments_at_once
        return _noted(made_at_once(segments, at_once, progress.advance), missing)
    progress.advance(sum(segment.frames for segment in segments if segment not in missing))
    render_in_pool(deployment, missing, progress)
    return _noted([make_segment(segment, lambda frames: None) for segment in segments], missing)


def _noted(made: list[RenderedSegment], missing: list[Segment]) -> list[RenderedSegment]:
    """Those that this video did not find in the store were made for it."""
    keys = {segment.key for segment in missing}
    include(each.stage for each in made if each.stage is not None and each.video in keys)
    return made


def _marks(segments: list[Segment]) -> tuple[str, ...]:
    given = (segment.mark for segment in segments)
    return tuple(f"{mark:0{PAYLOAD_DIGITS}x}" for mark in given if mark is not None)
