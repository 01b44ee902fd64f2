"""Small finished videos, made as `models.clip` makes large ones."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from models.arrays import U8
from models.media.encode import VideoWriter
from models.media.join import Tags, join
from models.media.sound import SoundWriter
from models.media.waveform import Recording


def film(
    out: Path,
    frames: U8,
    fps: Fraction,
    recording: Recording,
    cuts: tuple[int, ...] = (),
    tags: Tags | None = None,
) -> Path:
    """(F, H, W, 3) or, with alpha, (F, H, W, 4) frames, encoded anew from each cut on."""
    alpha = frames.shape[-1] == 4
    bounds = [0, *cuts, len(frames)]
    with TemporaryDirectory(dir=out.parent) as name:
        sound, parts = Path(name) / f"sound{out.suffix}", []
        with SoundWriter(recording, sound, alpha=alpha) as voice:
            for first, stop in pairwise(bounds):
                parts.append(segment(Path(name) / f"{first}{out.suffix}", frames[first:stop], fps))
            voice.wait()
        join(parts, sound, out, fps, frames=len(frames), alpha=alpha, tags=tags)
    return out


def segment(out: Path, frames: U8, fps: Fraction) -> Path:
    count, height, width, channels = frames.shape
    with VideoWriter(out, (width, height), fps, frames=count, alpha=channels == 4) as writer:
        writer.write(frames)
    return out
