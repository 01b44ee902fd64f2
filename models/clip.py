"""One portrait, one mouth and one look become one video file, segment by segment."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from models.contracts import BackgroundKind, Captions, Encoder, Look
from models.media.burn import CaptionBurner, columns_for
from models.media.captions import Cue, make_cues
from models.media.encode import VideoWriter, frame_count
from models.media.join import join
from models.media.label import LabelBurner
from models.media.sound import SoundWriter
from models.media.waveform import SpokenAudio
from models.motion.compose import motion_track
from models.motion.tracks import MotionTrack, MouthTrack
from models.portrait.face import Face, Picture
from models.portrait.matting import foreground
from models.portrait.person import person_mask
from models.renderer import Hearing, P, Renderer, Span
from models.segments import pauses, spans
from models.watermark.embed import Marker


@dataclass(frozen=True)
class Plan:
    """What is decided before a picture is rendered."""

    spoken: SpokenAudio
    mouth: MouthTrack
    look: Look

    @property
    def frames(self) -> int:
        return frame_count(self.spoken.recording.duration_s, self.look.fps.rational)

    @property
    def cues(self) -> tuple[Cue, ...]:
        """Captions to burn in: none unless they are wanted and the words are known."""
        if self.look.captions is not Captions.BURNED or not self.spoken.words:
            return ()
        recording, columns = self.spoken.recording, columns_for(self.look.size)
        return make_cues(self.spoken.words, recording.duration_s, columns)

    @property
    def spans(self) -> tuple[Span, ...]:
        """What is rendered and encoded apart."""
        found = pauses(self.spoken.phonemes, self.mouth.energy_db)
        return spans(self.frames, self.look.fps.rational, found)

    def motion(self, *, hears: Hearing | None = None) -> MotionTrack:
        """With the sound where the renderer hears it itself. Raises UnreadableAudio."""
        fps = self.look.fps.rational
        track = motion_track(self.mouth, fps, self.frames, self.look)
        if hears == "mel":
            from models.wav2lip.mel import hear

            return replace(track, heard=hear(self.spoken.recording, self.frames, fps))
        if hears == "samples":
            from models.musetalk.sound import listen

            return replace(track, sound=listen(self.spoken.recording, self.frames, fps))
        return track


@dataclass(frozen=True)
class Scene(Plan):
    """What a clip is made of."""

    picture: Picture
    face: Face
    backdrop: Picture | None = None  # behind the person, for background kind picture


def with_person_mask(picture: Picture, look: Look, models: Path) -> Picture:
    """The picture with the person's outline as its alpha, where another background needs one.

    Unless the background stays and only blurs, it is also taken out of the hair's colours.
    """
    kind = look.background.kind
    if kind is BackgroundKind.ORIGINAL:
        return picture
    person = person_mask(models, picture.rgb)
    own = 255 if picture.alpha is None else picture.alpha
    rgb = picture.rgb if kind is BackgroundKind.BLUR else foreground(picture.rgb, person)
    return replace(picture, rgb=rgb, alpha=np.rint(own * person).astype(np.uint8))


def write_segment(
    renderer: Renderer[P],
    prepared: P,
    motion: MotionTrack,
    span: Span,
    look: Look,
    out: Path,
    cues: Sequence[Cue] = (),
    told: Callable[[int], None] = lambda frames: None,
    mark: int | None = None,
    encoder: Encoder = Encoder.X264,
) -> None:
    """Render the span's pictures into `out`; `told` hears how many more are done.

    `mark` is the payload that they carry, unseen.

    The file depends on these frames alone, wherever and with whatever else they are rendered.
    Raises OutputError and EncodeFailed; then there is no file.
    """
    burner = CaptionBurner(cues, look.size, look.fps.rational) if cues else None
    label = LabelBurner(look.label, look.size) if look.label else None
    frames, at = span.stop - span.first, span.first
    with VideoWriter(
        out,
        look.size,
        look.fps.rational,
        frames=frames,
        alpha=look.transparent,
        mark=None if mark is None else Marker(mark, look.size),
        encoder=encoder,
    ) as writer:
        for batch in renderer.render(prepared, motion, span):
            labelled = label.burn(batch) if label else batch
            writer.write(burner.burn(labelled, at) if burner else labelled)
            at += len(batch)
            told(len(batch))


@dataclass(frozen=True)
class Times:
    prepare_s: float
    render_s: float  # rendering and encoding, which overlap
    join_s: float


def write_clip(
    renderer: Renderer[Any],
    scene: Scene,
    motion: MotionTrack,
    out: Path,
    told: Callable[[int], None] = lambda frames: None,
    mark: int | None = None,
) -> Times:
    """Render every frame of `motion` into `out`, as `tasks.render` does, in this process.

    Raises OutputError and EncodeFailed; then there is no file.
    """
    look, cues, started = scene.look, scene.cues, time.perf_counter()
    prepared = renderer.prepare(scene.picture, scene.face, look, scene.backdrop)
    ready = time.perf_counter()
    with TemporaryDirectory(dir=out.parent) as name:
        folder, segments = Path(name), []
        sound = folder / f"sound{out.suffix}"
        with SoundWriter(scene.spoken.recording, sound, alpha=look.transparent) as voice:
            for span in scene.spans:
                segments.append(folder / f"{span.first}{out.suffix}")
                part = segments[-1]
                write_segment(renderer, prepared, motion, span, look, part, cues, told, mark)
            rendered = time.perf_counter()
            voice.wait()
        fps, alpha = look.fps.rational, look.transparent
        join(segments, sound, out, fps, frames=len(motion), alpha=alpha)
    return Times(ready - started, rendered - ready, time.perf_counter() - rendered)
