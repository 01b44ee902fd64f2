"""One portrait, one mouth and one look become one video file, frame batch by frame batch."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from models.arrays import U8
from models.contracts import BackgroundKind, Captions, Look
from models.media.burn import CaptionBurner, columns_for
from models.media.captions import make_cues
from models.media.encode import VideoWriter, frame_count
from models.media.waveform import SpokenAudio
from models.motion.compose import motion_track
from models.motion.tracks import MotionTrack, MouthTrack
from models.portrait.face import Face, Picture
from models.portrait.matting import foreground
from models.portrait.person import person_mask
from models.renderer import Renderer, Span


@dataclass(frozen=True)
class Scene:
    """What a clip is made of."""

    picture: Picture
    face: Face
    spoken: SpokenAudio
    mouth: MouthTrack
    look: Look
    backdrop: Picture | None = None  # behind the person, for background kind picture

    @property
    def frames(self) -> int:
        return frame_count(self.spoken.recording.duration_s, self.look.fps.rational)

    @property
    def alpha(self) -> bool:
        return self.look.background.kind is BackgroundKind.TRANSPARENT

    def captioned(self, batches: Iterator[U8]) -> Iterator[U8]:
        """The frames with captions burned in, where they are wanted and the words are known."""
        if self.look.captions is not Captions.BURNED or not self.spoken.words:
            yield from batches
            return
        size, fps = self.look.size, self.look.fps.rational
        cues = make_cues(self.spoken.words, self.spoken.recording.duration_s, columns_for(size))
        burner, done = CaptionBurner(cues, size, fps), 0
        for batch in batches:
            yield burner.burn(batch, done)
            done += len(batch)

    def motion(self) -> MotionTrack:
        return motion_track(self.mouth, self.look.fps.rational, self.frames, self.look)


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


@dataclass(frozen=True)
class Times:
    prepare_s: float
    render_s: float  # rendering and encoding, which overlap


def write_clip(
    renderer: Renderer[Any],
    scene: Scene,
    motion: MotionTrack,
    out: Path,
    told: Callable[[int], None] = lambda frames: None,
) -> Times:
    """Render every frame of `motion` into `out`; `told` hears how many more are done.

    Raises OutputError and EncodeFailed; then there is no file.
    """
    started = time.perf_counter()
    prepared = renderer.prepare(scene.picture, scene.face, scene.look, scene.backdrop)
    ready = time.perf_counter()
    with VideoWriter(
        out,
        scene.look.size,
        scene.look.fps.rational,
        scene.spoken.recording,
        frames=len(motion),
        alpha=scene.alpha,
    ) as writer:
        for batch in scene.captioned(renderer.render(prepared, motion, Span(0, len(motion)))):
            writer.write(batch)
            told(len(batch))
    return Times(ready - started, time.perf_counter() - ready)
