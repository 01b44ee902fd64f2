"""Checks beside the command: against the sound itself, the photo, the words, and in the film.

The bars lie between what good videos and videos spoilt on purpose measure: `make bench-gate`.
"""

from fractions import Fraction

import numpy as np

from models.contracts import Check
from models.motion.tracks import MotionTrack
from models.quality.measured import Container, Film, Frames, Likeness, Speech
from models.quality.sample import turning
from models.quality.sync import Sync, sync_of
from models.quality.verdict import at_least, at_most, unmeasured

MIN_SOUND_LIKENESS = 0.8
MIN_SYNC, MIN_REACH, MAX_LAG_S = 0.6, 0.15, 0.05
MAX_BACK = 0.9  # of the median change
MAX_EDGE, MAX_FLICKER = 6.0, 1.5  # levels of luma
MIN_UPPER_FACE, MAX_MISFIT = 0.85, 0.05
MIN_MOUTH_DETAIL = 0.5
MAX_CAPTIONS_LAG_S = 0.15
LEAST_FILM = 10  # frames that follow each other
LEAST_CHANGE = 0.3  # levels: where less moves, an encoder's noise comes and goes
MOST = 98  # percentile: a single frame may be odd


def sound_likeness(container: Container) -> Check:
    return at_least("sound_likeness", container.sound_likeness, MIN_SOUND_LIKENESS)


def sync(frames: Frames, speech: Speech, fps: Fraction) -> tuple[Check, Check]:
    """Lips against the visemes of the file's sound, by the measurement that follows better."""
    times_s = np.asarray((frames.index + 0.5) / float(fps), np.float64)
    measured = (frames.opening, frames.travel)
    found = [each for lips in measured if (each := sync_of(lips, times_s, speech.wanted))]
    if not found:
        why = "too little speech to measure"
        return (
            unmeasured("sync_correlation", f">= {MIN_SYNC}", why),
            unmeasured("sync_lag_s", f"<= {MAX_LAG_S}", why),
        )
    moving = [each for each in found if each.reach >= MIN_REACH]
    best: Sync = max(moving or found, key=lambda each: each.correlation)
    late = "lips late" if best.lag_s > 0 else "lips early"
    alike = best.correlation if moving else 0.0  # what hardly moves is alike by its noise
    return (
        at_least("sync_correlation", alike, MIN_SYNC, f"opens {best.reach:.2f} of what is wanted"),
        at_most("sync_lag_s", abs(best.lag_s), MAX_LAG_S, late if best.lag_s else ""),
    )


def order(film: Film, motion: MotionTrack) -> Check:
    """A frame out of its place differs from both neighbours more than they from each other.

    So does one in which the mouth only touches shut, or a lid: those are not asked.
    """
    name = "out_of_place"
    known = np.isfinite(film.back) & ~turning(motion)[film.index]
    if known.sum() < LEAST_FILM:
        return unmeasured(name, f"<= {MAX_BACK}", "too few frames to measure")
    usual = max(float(np.nanmedian(film.change)), LEAST_CHANGE)
    worst = int(np.argmax(np.where(known, film.back, -np.inf)))
    value = max(0.0, float(film.back[worst]) / usual)
    return at_most(name, value, MAX_BACK, f"at {film.index[worst]}")


def edge(film: Film) -> Check:
    """Nothing moves at the frame's border."""
    return at_most("border_change", float(np.percentile(film.edge, MOST)), MAX_EDGE)


def flicker(film: Film) -> Check:
    steps = np.abs(film.edge_step[np.isfinite(film.edge_step)])
    if len(steps) < LEAST_FILM:
        return unmeasured("flicker", f"<= {MAX_FLICKER}", "too few frames to measure")
    return at_most("flicker", float(np.percentile(steps, MOST)), MAX_FLICKER)


def identity(likeness: Likeness) -> tuple[Check, ...]:
    """The median frame beside the photo."""
    known = np.isfinite(likeness.upper_face)
    if not known.any():
        return ()  # face_present tells
    alike, misfit, detail = (
        float(np.median(each[known]))
        for each in (likeness.upper_face, likeness.shape, likeness.mouth_detail)
    )
    return (
        at_least("face_likeness", alike, MIN_UPPER_FACE),
        at_most("face_misfit", misfit, MAX_MISFIT),
        at_least("mouth_sharpness", detail, MIN_MOUTH_DETAIL),
    )


def captions(speech: Speech) -> Check:
    name = "captions_lag_s"
    if speech.captions_lag_s is None:
        return unmeasured(name, f"<= {MAX_CAPTIONS_LAG_S}", "no words, or no pause between them")
    return at_most(name, abs(speech.captions_lag_s), MAX_CAPTIONS_LAG_S)
