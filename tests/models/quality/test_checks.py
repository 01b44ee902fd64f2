"""A good video passes every check; each thing made wrong fails the check that names it."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from models.arrays import F32
from models.motion.tracks import MOUTH_CHANNELS, MotionTrack
from models.quality import checks, sample
from models.quality.measured import Container, Film, Frames, Measured, Speech

FPS = Fraction(25)
COUNT = 250


def motion() -> MotionTrack:
    time = np.arange(COUNT) / 25
    mouth = np.zeros((COUNT, len(MOUTH_CHANNELS)), np.float32)
    mouth[:, sample.GAP] = 0.06 + 0.06 * np.sin(2 * np.pi * 1.7 * time)
    shut = np.arange(COUNT) % 40 < 2
    mouth[shut, sample.GAP] = 0
    mouth[shut, sample.CLOSURE] = 1
    blink = (np.arange(COUNT) % 90 < 2).astype(np.float32)
    zeros = np.zeros(COUNT, np.float32)
    return MotionTrack(
        mouth, blink, np.zeros((COUNT, 2), np.float32), zeros, np.zeros((COUNT, 5), np.float32)
    )


def frames() -> Frames:
    commanded = motion()
    index = np.arange(COUNT)
    noise = np.random.default_rng(0).normal(0, 0.002, COUNT)
    return Frames(
        index=index,
        short_side_px=512,
        opening=np.abs(0.9 * sample.commanded_gap(commanded) + noise).astype(np.float32),
        width=np.full(COUNT, 0.6, np.float32),
        eyes=(0.11 - 0.1 * commanded.blink).astype(np.float32),
        travel=(0.8 * sample.commanded_gap(commanded) + noise).astype(np.float32),
        eye_left=(1 - commanded.blink).astype(np.float32),
        luma=np.full(COUNT, 90, np.float32),
        change=np.full(COUNT, 0.4, np.float32),
    )


CONTAINER = Container(
    frames=COUNT,
    video_s=10.0,
    audio_s=10.0,
    av_offset_s=0.004,
    loudness_lufs=-18.2,
    recording_lufs=-18.0,
)


def film() -> Film:
    zeros = np.zeros(COUNT, np.float32)
    still = zeros + np.float32(0.4)
    return Film(np.arange(COUNT), zeros + 90, still, zeros - np.float32(0.2), zeros, zeros)


def failed(frames: Frames, container: Container) -> set[str]:
    wanted = np.repeat(sample.commanded_gap(motion()), 4).astype(np.float32)
    seen = Measured(frames, film())
    found = checks.judge(seen, container, Speech(wanted, None), motion(), FPS)
    return {check.name for check in found if not check.passed}


def test_a_good_video_passes_every_check() -> None:
    assert failed(frames(), CONTAINER) == set()


def lips(frames: Frames, opening: F32) -> Frames:
    """As both measurements see them."""
    return replace(frames, opening=opening, travel=0.8 * opening)


def lids(frames: Frames, eyes: F32) -> Frames:
    return replace(frames, eyes=eyes, eye_left=eyes / 0.11)


def at(values: F32, where: slice, value: float) -> F32:
    changed = values.copy()
    changed[where] = value
    return changed


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("lip_correlation", lambda f: lips(f, np.roll(f.opening, 6))),
        ("lip_correlation", lambda f: lips(f, np.full(COUNT, 0.0, np.float32))),
        ("closed_lips_opening", lambda f: replace(f, opening=f.opening + 0.03)),
        ("blink_depth", lambda f: lids(f, np.full(COUNT, 0.11, np.float32))),
        ("face_present", lambda f: replace(f, opening=at(f.opening, slice(0, 20), np.nan))),
        ("black_frames", lambda f: replace(f, luma=at(f.luma, slice(7, 8), 2))),
        ("frozen_frames", lambda f: replace(f, change=at(f.change, slice(41, 60), 0))),
    ],
)
def test_a_spoilt_picture_fails_by_its_name(name: str, spoil: Callable[[Frames], Frames]) -> None:
    assert name in failed(spoil(frames()), CONTAINER)


@pytest.mark.parametrize(
    ("name", "container"),
    [
        ("frame_count", replace(CONTAINER, frames=COUNT - 1)),
        ("duration_difference_s", replace(CONTAINER, video_s=10.08)),
        ("av_offset_s", replace(CONTAINER, av_offset_s=-0.044)),
        ("loudness_change_lu", replace(CONTAINER, loudness_lufs=-24.0)),
        ("sound_likeness", replace(CONTAINER, sound_likeness=0.3)),
    ],
)
def test_a_spoilt_container_fails_by_its_name(name: str, container: Container) -> None:
    assert failed(frames(), container) == {name}


def test_a_video_that_is_black_throughout_fails() -> None:
    assert "black_frames" in failed(replace(frames(), luma=np.zeros(COUNT, np.float32)), CONTAINER)


def test_the_slope_stands_beside_the_correlation() -> None:
    check = checks.lip_correlation(frames(), motion())
    assert "slope 0.9" in check.detail


def test_without_speech_the_lips_are_not_judged() -> None:
    silent = replace(motion(), mouth=np.zeros((COUNT, len(MOUTH_CHANNELS)), np.float32))
    check = checks.lip_correlation(frames(), silent)
    assert check.passed
    assert check.detail == "too little speech to measure"


def test_one_measurement_of_the_lips_is_enough() -> None:
    blind = np.full(COUNT, 0.001, np.float32)
    assert failed(replace(frames(), opening=blind), CONTAINER) == set()
    assert failed(replace(frames(), travel=blind), CONTAINER) == set()


def test_one_measurement_of_the_lids_is_enough() -> None:
    blind = np.full(COUNT, 1.0, np.float32)
    assert failed(replace(frames(), eyes=blind), CONTAINER) == set()
    assert failed(replace(frames(), eye_left=blind), CONTAINER) == set()


def test_lips_that_open_too_little_fail_although_they_follow() -> None:
    little = frames()
    little = replace(little, opening=0.4 * little.opening, travel=0.4 * little.travel)
    assert failed(little, CONTAINER) == {"lip_slope"}


def test_where_landmarks_see_no_opening_closures_are_not_measured() -> None:
    blind = replace(frames(), opening=np.full(COUNT, 0.001, np.float32))
    check = checks.closures(blind, motion())
    assert not check.measured
    assert "blind" in check.detail


@pytest.mark.parametrize(("moved", "passes"), [(0.0, True), (0.04, False)])
def test_one_closure_is_missed_where_the_pixels_moved_too(moved: float, *, passes: bool) -> None:
    """Landmarks tremble; lips that are open in truth have moved away from the closed ones."""
    seen = frames()
    missed = int(np.flatnonzero(sample.closed(motion()))[7])
    seen.opening[missed] = 0.04
    seen.travel[missed] += moved
    assert checks.closures(seen, motion()).passed == passes


@pytest.mark.parametrize(("pursed", "passes"), [(1.0, True), (0.0, False)])
def test_pursed_lips_are_thicker_and_not_open(pursed: float, *, passes: bool) -> None:
    seen, told = frames(), motion()
    missed = int(np.flatnonzero(sample.closed(told))[7])
    seen.opening[missed] = 0.04
    seen.travel[missed] += 0.04
    told.mouth[missed, MOUTH_CHANNELS.index("pucker")] = pursed
    assert checks.closures(seen, told).passed == passes


def test_late_landmarks_do_not_hide_behind_being_blind() -> None:
    late = frames()
    late = replace(late, opening=np.roll(late.opening, 6), travel=np.roll(late.travel, 6))
    assert "lip_correlation" in failed(late, CONTAINER)
