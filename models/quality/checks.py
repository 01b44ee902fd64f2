"""One pure function a property: measured figures in, a Check against its bar out."""

from collections.abc import Callable
from fractions import Fraction

import numpy as np

from models.arrays import F32
from models.contracts import Check
from models.motion.tracks import MotionTrack
from models.quality import beyond, sample
from models.quality.measured import Container, Frames, Measured, Speech
from models.quality.verdict import at_least, at_most, none_of, unmeasured

MIN_CORRELATION, CORRELATION_DOUBT_PX = 0.95, 12.0  # small frames leave the landmarks in doubt
MIN_SLOPE = 0.6  # of the commanded opening
LEAST_SIGHT = 0.6  # r by landmarks, below which they say nothing of these lips
MAX_CLOSED_OPENING, CLOSED_DOUBT_PX = 0.02, 5.0  # S
PURSED_S = 0.024  # how much thicker pursed lips are: of ten portraits, 0.015 to 0.03 at full pucker
MIN_BLINK_DEPTH, BLINK_DOUBT_PX = 0.8, 25.0  # of the eye's opening
MIN_FACES = 0.98
MIN_LUMA = 0.4  # of the video's median
MAX_LOUDNESS_CHANGE_LU = 1.0
STILL_LUMA = 1e-3
LEAST_OPENING_RANGE = 0.02  # S, standard deviation of the command


def frame_count(container: Container, expected: int) -> Check:
    return Check(
        name="frame_count",
        value=container.frames,
        bar=f"= {expected}",
        passed=container.frames == expected,
    )


def duration(container: Container, fps: Fraction) -> Check:
    return at_most(
        "duration_difference_s", abs(container.video_s - container.audio_s), float(0.5 / fps) + 1e-3
    )


def av_offset(container: Container, fps: Fraction) -> Check:
    return at_most("av_offset_s", abs(container.av_offset_s), float(0.5 / fps))


def loudness(container: Container) -> Check:
    name, bar = "loudness_change_lu", MAX_LOUDNESS_CHANGE_LU
    if container.loudness_lufs is None or container.recording_lufs is None:
        return unmeasured(name, f"<= {bar}", "too short or too quiet to measure")
    return at_most(name, abs(container.loudness_lufs - container.recording_lufs), bar)


def face_present(frames: Frames) -> Check:
    return at_least("face_present", float(np.mean(np.isfinite(frames.opening))), MIN_FACES)


def lip_correlation(frames: Frames, motion: MotionTrack) -> Check:
    """Pearson's r of the commanded gap and what the lips did: the better of two measurements.

    Landmarks are blind to some painted mouths, tracked pixels to some smiles; a mouth that does
    not follow its command shows in both.
    """
    name, bar = "lip_correlation", MIN_CORRELATION - CORRELATION_DOUBT_PX / frames.short_side_px
    if not _speaks(frames, motion):
        return unmeasured(name, f">= {bar:.3f}", "too little speech to measure")
    found = _followed(frames, motion)
    detail = "; ".join(f"{kind} r {r:.3f} slope {slope:.2f}" for kind, (slope, r) in found.items())
    return at_least(name, max(r for _, r in found.values()), bar, detail)


def lip_slope(frames: Frames, motion: MotionTrack) -> Check:
    """How far the lips open for what is commanded, by the measurement that follows better."""
    name, bar = "lip_slope", MIN_SLOPE
    if not _speaks(frames, motion):
        return unmeasured(name, f">= {bar}", "too little speech to measure")
    kind, (slope, _) = max(_followed(frames, motion).items(), key=lambda item: item[1][1])
    return at_least(name, slope, bar, f"by {kind}")


def _speaks(frames: Frames, motion: MotionTrack) -> bool:
    command = sample.commanded_gap(motion)[frames.index]
    return bool(np.isfinite(frames.opening).sum() >= 5 and command.std() >= LEAST_OPENING_RANGE)


def _followed(frames: Frames, motion: MotionTrack) -> dict[str, tuple[float, float]]:
    """Slope and r by each measurement."""
    command = sample.commanded_gap(motion)[frames.index]
    measured = {"landmarks": frames.opening, "pixels": frames.travel}
    return {kind: _follows(command, opening) for kind, opening in measured.items()}


def _follows(command: F32, measured: F32) -> tuple[float, float]:
    """Slope and r over the frames that could be measured; 0 where fewer than half could."""
    seen = np.isfinite(measured)
    if seen.sum() < max(5, len(seen) / 2):
        return 0.0, 0.0
    return line_through(command[seen], measured[seen])


def closures(frames: Frames, motion: MotionTrack) -> Check:
    """The widest opening among the frames whose lips are commanded to touch.

    Landmarks that see no opening see no unclosed lips either. Pixels only tell frames apart: lips
    that landmarks see open, beside others that they see closed, must have moved too, by more than
    pursing them does. A mark in the picture makes landmarks tremble by a hundredth of S.
    """
    wanted = sample.closed(motion)[frames.index] & np.isfinite(frames.opening)
    name, bar = "closed_lips_opening", MAX_CLOSED_OPENING + CLOSED_DOUBT_PX / frames.short_side_px
    if not wanted.any():
        return unmeasured(name, f"<= {bar:.3f}", "no closure is commanded")
    if _speaks(frames, motion) and _followed(frames, motion)["landmarks"][1] < LEAST_SIGHT:
        return unmeasured(name, f"<= {bar:.3f}", "the landmark model is blind to these lips")
    pursed = PURSED_S * sample.pucker(motion)[frames.index]
    opening, travel = frames.opening[wanted], (frames.travel - pursed)[wanted]
    moved = np.median(opening) + np.maximum(0, travel - np.median(travel))
    widest = float(np.fmin(opening, moved).max())
    return at_most(name, widest, bar, f"landmarks {opening.max():.3f}; {wanted.sum()} frames")


def blink_depth(frames: Frames, motion: MotionTrack) -> Check:
    """How far the lids close at commanded blinks, 0..1: the better of two measurements.

    Landmarks keep a shut eye's lids apart in many pictures; pixels tell how much eye is seen.
    """
    blink = motion.blink[frames.index]
    seen = np.isfinite(frames.eyes)
    shut, open_ = seen & (blink >= sample.BLINKING), seen & (blink <= sample.OPEN_EYES)
    name, bar = "blink_depth", MIN_BLINK_DEPTH - BLINK_DOUBT_PX / frames.short_side_px
    if not shut.any() or not open_.any():
        return unmeasured(name, f">= {bar:.3f}", "no blink is commanded")
    by_landmarks = 1 - float(np.median(frames.eyes[shut]) / np.median(frames.eyes[open_]))
    by_pixels = 1 - max(0.0, float(np.median(frames.eye_left[shut])))
    depths = [depth for depth in (by_landmarks, by_pixels) if np.isfinite(depth)]
    detail = f"landmarks {by_landmarks:.2f}; pixels {by_pixels:.2f}; {shut.sum()} frames"
    return at_least(name, max(depths), bar, detail)


def black_frames(frames: Frames) -> Check:
    dark = frames.luma < MIN_LUMA * np.median(frames.luma)
    return none_of("black_frames", frames.index[dark | (frames.luma < 1)])


def frozen_frames(frames: Frames, motion: MotionTrack) -> Check:
    """Frames that repeat the one before although the mouth is commanded to move."""
    moved = sample.moving(motion)[frames.index]
    return none_of("frozen_frames", frames.index[moved & (frames.change < STILL_LUMA)])


def line_through(x: F32, y: F32) -> tuple[float, float]:
    """Slope of the least-squares line and Pearson's r."""
    if y.std() < 1e-6:
        return 0.0, 0.0
    slope = float(np.polyfit(x.astype(np.float64), y.astype(np.float64), 1)[0])
    return slope, float(np.corrcoef(x, y)[0, 1])


def judge(
    seen: Measured, container: Container, speech: Speech, motion: MotionTrack, fps: Fraction
) -> tuple[Check, ...]:
    """All checks, in the order a person would ask."""
    frames = seen.frames
    of_frames: tuple[Callable[[Frames, MotionTrack], Check], ...] = (
        lip_correlation,
        lip_slope,
        closures,
        blink_depth,
        frozen_frames,
    )
    return (
        frame_count(container, len(motion)),
        duration(container, fps),
        av_offset(container, fps),
        loudness(container),
        beyond.sound_likeness(container),
        face_present(frames),
        black_frames(frames),
        *(check(frames, motion) for check in of_frames),
        *beyond.sync(frames, speech, fps),
        beyond.order(seen.film, motion),
        beyond.edge(seen.film),
        beyond.flicker(seen.film),
        *(beyond.identity(seen.likeness) if seen.likeness else ()),
        beyond.captions(speech),
    )
