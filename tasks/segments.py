"""Segments of a video: what each is made of, and one made here, from the store into the store."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from models.contracts import Captions, Encoder, Look, Usage
from models.errors import SetupError
from models.journal import Stage
from models.motion.files import load_track
from models.motion.tracks import MotionTrack
from models.renderers import Choice
from models.stages import (
    PAYLOAD_DIGITS,
    BurnedCue,
    CheckedPortrait,
    RenderedSegment,
    Segment,
)
from models.storage import file_sha256
from models.tally import engine_of, rendered
from tasks import loaded
from tasks.inputs import input_file
from tasks.journal import here
from tasks.policies import digest_of, keep, key_of, store
from tasks.prepared import prepared
from tasks.settings import settings

if TYPE_CHECKING:
    from models.clip import Plan
    from models.renderer import Span


def segments_of(
    plan: "Plan", motion: MotionTrack, portrait: CheckedPortrait, commanded: str, renderer: Choice
) -> list[Segment]:
    """`commanded` is the motion's storage key."""
    cues = [BurnedCue(**vars(cue)) for cue in plan.cues]
    look = _shown(plan.look, burned=bool(cues))
    unnamed = [
        Segment(
            key="",
            portrait=portrait.image,
            face_index=portrait.face_index,
            motion=commanded,
            first=span.first,
            stop=span.stop,
            look=look,
            cues=_within(cues, span, plan),
            renderer=renderer.name,
            weights=renderer.weights,
            encoder=chosen_encoder(),
        )
        for span in plan.spans
    ]
    if settings().watermark:
        unnamed = [
            each.model_copy(update={"mark": _payload(each, portrait.sha256, motion)})
            for each in unnamed
        ]
    return [each.model_copy(update={"key": _key(each, motion)}) for each in unnamed]


def make_segment(segment: Segment, told: Callable[[int], None]) -> RenderedSegment:
    """Render it, unless the store has it. Raises RenderError, OutputError, SetupError."""
    if (stored := stored_segment(segment)) is not None:
        told(stored.frames)
        return stored
    from models.clip import write_segment
    from models.media.captions import Cue
    from models.media.encoder import check_encoder
    from models.renderer import Span

    check_encoder(segment.encoder)
    motion = load_track(MotionTrack, store().path(segment.motion))
    _check_version(segment, motion)
    engine, started = loaded.renderer(segment.renderer), time.perf_counter()
    at, cpu = datetime.now(UTC), time.process_time()
    portrait = prepared(segment)
    ready = time.perf_counter()
    span, cues = Span(segment.first, segment.stop), [Cue(**vars(cue)) for cue in segment.cues]
    with store().work_folder() as folder:
        out = folder / segment.key.rsplit("/", 1)[1]
        write_segment(
            engine,
            portrait,
            motion,
            span,
            segment.look,
            out,
            cues,
            told,
            segment.mark,
            segment.encoder,
        )
        store().put(out, segment.key)
        facts = RenderedSegment(
            video=segment.key,
            sha256=file_sha256(out),
            frames=segment.frames,
            renderer=engine.card.name,
            renderer_version=engine.card.version,
            prepare_s=ready - started,
            render_s=time.perf_counter() - ready,
            stage=_stage(segment, at, time.perf_counter() - started, time.process_time() - cpu),
        )
    keep(facts, segment.facts)
    rendered(facts.renderer, settings().device, frames=facts.frames, seconds=facts.render_s)
    return facts


def chosen_encoder() -> Encoder:
    """For all segments of a video. A pool's cards are not known here: there it must be asked for.

    Raises EngineUnusable where this machine renders and lacks what was asked for.
    """
    given = settings()
    if given.segment_deployment:
        return Encoder.NVENC if given.encoder == "nvenc" else Encoder.X264
    from models.media.encoder import check_encoder, has_nvenc

    if given.encoder != "auto":
        check_encoder(Encoder(given.encoder))
        return Encoder(given.encoder)
    return Encoder.NVENC if given.device.startswith("cuda") and has_nvenc() else Encoder.X264


def _stage(segment: Segment, at: datetime, seconds: float, cpu_s: float) -> Stage:
    device = settings().device
    on_card = device.startswith("cuda")
    return Stage(
        name=f"frames {segment.first}-{segment.stop - 1}",
        started_at=at,
        seconds=seconds,
        worker=here(),
        engine=f"{segment.renderer}, {engine_of(segment.renderer)} on {device}",
        usage=Usage(cpu_s=cpu_s, gpu_s=seconds if on_card else 0.0),
    )


def stored_segment(segment: Segment) -> RenderedSegment | None:
    """The facts are written last: where they are, the file is whole."""
    if not (store().exists(segment.facts) and store().exists(segment.key)):
        return None
    text = store().path(segment.facts).read_text(encoding="utf-8")
    return RenderedSegment.model_validate_json(text)


def _key(segment: Segment, motion: MotionTrack) -> str:
    """Wherever the frames stand in a video, they are the same frames."""
    suffix = "webm" if segment.look.transparent else "mp4"
    made_of = (segment.portrait, segment.mark, segment.encoder, *_shows(segment, motion))
    return f"{key_of('segments', *made_of)}.{suffix}"


def _payload(segment: Segment, portrait_sha256: str, motion: MotionTrack) -> int:
    """Of what shows and not of our code: a new version marks the same frames with the same."""
    return int(digest_of(portrait_sha256, *_shows(segment, motion))[:PAYLOAD_DIGITS], 16)


def _shows(segment: Segment, motion: MotionTrack) -> tuple[object, ...]:
    """What decides about the frames, beside the portrait."""
    rows = motion.digest(segment.first, segment.stop)
    where = segment.first if segment.cues else 0
    behind = segment.look.background.picture
    picture = file_sha256(input_file(behind)) if behind else ""
    background = segment.look.background.model_copy(update={"picture": picture})
    look = segment.look.model_copy(update={"background": background})
    drawn_by = segment.renderer, segment.weights
    return (segment.face_index, *drawn_by, look, rows, where, *segment.cues)


def _check_version(segment: Segment, motion: MotionTrack) -> None:
    if _key(segment, motion) != segment.key:
        raise SetupError(
            f"{segment.key} was asked for by another version of this code: "
            "update all workers to the same one"
        )
    if loaded.chosen(segment.renderer).weights != segment.weights:
        raise SetupError(
            f"{segment.key} was asked for with other weights of {segment.renderer}: "
            "`avatar weights pull` on all workers"
        )


def _shown(look: Look, *, burned: bool) -> Look:
    """Less what has become motion, so that frames that look the same have one key."""
    return Look(
        resolution=look.resolution,
        aspect=look.aspect,
        fps=look.fps,
        background=look.background,
        captions=Captions.BURNED if burned else Captions.NONE,
        label=look.label,
    )


def _within(cues: Sequence[BurnedCue], span: "Span", plan: "Plan") -> tuple[BurnedCue, ...]:
    first_s, stop_s = (float(frame / plan.look.fps.rational) for frame in (span.first, span.stop))
    return tuple(cue for cue in cues if cue.start_s < stop_s and cue.end_s > first_s)
