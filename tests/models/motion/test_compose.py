"""Blinks, glances, nods: natural in number and size, the same for the same seed."""

from fractions import Fraction

import numpy as np
import pytest

from models.contracts import FrameRate, Look
from models.motion.compose import motion_track
from models.motion.eyes import blinks, gaze
from models.motion.head import LIMITS, stress
from models.motion.noise import smooth_noise, uniform
from models.motion.tracks import MOUTH_CHANNELS, MOUTH_RATE_HZ, MouthTrack

PAL = Fraction(25)


def spoken(seconds: float, seed: int = 0) -> MouthTrack:
    """Syllables of changing loudness, a pause in the middle."""
    count = int(seconds * MOUTH_RATE_HZ)
    time = np.arange(count) / MOUTH_RATE_HZ
    energy = 6 * np.sin(2 * np.pi * 3.1 * time) + 4 * np.sin(2 * np.pi * 0.7 * time + seed) - 6
    energy[count // 2 : count // 2 + 80] = -60
    return MouthTrack(np.zeros((count, len(MOUTH_CHANNELS)), np.float32), energy.astype(np.float32))


def test_the_same_seed_moves_the_same() -> None:
    first, again = (motion_track(spoken(8), PAL, 200, Look(seed=3)) for _ in range(2))
    assert all(
        np.array_equal(getattr(first, name), getattr(again, name))
        for name in ("mouth", "blink", "gaze", "brow", "head")
    )


def test_another_seed_moves_otherwise() -> None:
    first, other = (motion_track(spoken(8), PAL, 200, Look(seed=seed)) for seed in (3, 4))
    assert not np.allclose(first.head, other.head)


def test_a_longer_video_begins_like_the_shorter_one() -> None:
    time = (np.arange(2000) + 0.5) / 25
    assert np.array_equal(blinks(5, time)[:300], blinks(5, time[:300]))
    assert np.array_equal(gaze(5, time)[:300], gaze(5, time[:300]))


@pytest.mark.parametrize("seed", range(20))
def test_even_a_short_clip_blinks(seed: int) -> None:
    assert blinks(seed, (np.arange(60) + 0.5) / 25).max() > 0.95


@pytest.mark.parametrize("rate", list(FrameRate))
@pytest.mark.parametrize("seed", range(5))
def test_every_blink_owns_a_frame_with_closed_eyes(rate: FrameRate, seed: int) -> None:
    closed = blinks(seed, np.asarray((np.arange(1500) + 0.5) / float(rate.rational), np.float64))
    inside = np.flatnonzero(np.diff(np.concatenate([[0], (closed > 0).astype(int), [0]])))
    peaks = [closed[start:stop].max() for start, stop in inside.reshape(-1, 2)]
    assert min(peaks[:-1]) > 0.97


def test_people_blink_12_to_25_times_a_minute() -> None:
    closed = blinks(1, (np.arange(25 * 600) + 0.5) / 25) > 0.9
    per_minute = np.count_nonzero(np.diff(closed.astype(int)) == 1) / 10
    assert 12 <= per_minute <= 25


def test_a_still_head_is_still() -> None:
    assert not motion_track(spoken(4), PAL, 100, Look(head_motion=0)).head.any()


def test_the_head_stays_within_what_the_warp_can_show() -> None:
    head = motion_track(spoken(60), PAL, 1500, Look(head_motion=1.5)).head
    assert (np.abs(head) <= LIMITS + 1e-6).all()


def test_no_movement_jumps() -> None:
    head = motion_track(spoken(60), PAL, 1500, Look()).head
    assert np.abs(np.diff(head, axis=0)).max() < 0.012


def test_louder_syllables_are_stressed() -> None:
    energy = np.full(600, -12, np.float32)
    energy[300:320] = 0
    stressed = stress(energy)
    assert stressed[305:320].max() > 0.5
    assert stressed[:250].max() < 0.05


def test_silence_is_not_stressed() -> None:
    assert stress(np.full(500, -60, np.float32)).max() == 0


def test_no_frames_are_no_rows() -> None:
    assert len(motion_track(spoken(1), PAL, 0, Look())) == 0


def test_random_numbers_are_spread_evenly() -> None:
    values = np.array([uniform(1, "blink", n) for n in range(4000)])
    counts = np.histogram(values, bins=8, range=(0, 1))[0]
    assert counts.min() > 400


def test_smooth_noise_meets_its_random_values() -> None:
    time = np.arange(0, 20, 2.0)
    expected = [2 * uniform(9, "tx", n) - 1 for n in range(10)]
    assert smooth_noise(9, "tx", time, 2.0) == pytest.approx(expected)
