"""What every renderer is tried on: a lively face that hears noise, in whichever way it hears."""

from fractions import Fraction

import numpy as np

from models.arrays import F32, U8
from models.motion.tracks import MOUTH_CHANNELS, Heard, MotionTrack, Sound
from models.musetalk.sound import step_starts
from models.renderer import P, Renderer, Span
from models.wav2lip.mel import window_starts

FPS = Fraction(25)


def lively(frames: int, seed: int = 7) -> MotionTrack:
    random = np.random.default_rng(seed)

    def between(low: float, high: float, *columns: int) -> F32:
        return random.uniform(low, high, (frames, *columns)).astype(np.float32)

    rows = max(16, frames * 80 // 25 + 17)
    mel = random.uniform(-4, 4, (rows, 80)).astype(np.float32)
    return MotionTrack(
        mouth=between(0, 0.1, len(MOUTH_CHANNELS)),
        blink=between(0, 1),
        gaze=between(-0.02, 0.02, 2),
        brow=between(0, 0.02),
        head=between(-0.04, 0.04, 5),
        heard=Heard(mel, window_starts(rows, frames, FPS)),
        sound=Sound(random.integers(-9000, 9000, frames * 640, np.int16), step_starts(frames, FPS)),
    )


def frames_of(renderer: Renderer[P], prepared: P, motion: MotionTrack, span: Span) -> U8:
    return np.concatenate(list(renderer.render(prepared, motion, span)))
