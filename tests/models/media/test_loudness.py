import numpy as np
import pyloudnorm
import pytest
import soxr

from models.arrays import F32
from models.media.levels import ClipCounter, LevelMeter
from models.media.loudness import LoudnessMeter, limited, normalising_gain
from models.media.wav import rechunked
from tests.models.media.sounds import speech

CEILING = 10 ** (-1 / 20)


def measured(sound: F32, rate_hz: int, block: int) -> float | None:
    meter = LoudnessMeter(rate_hz)
    for part in rechunked([sound], block):
        meter.add(part)
    return meter.integrated()


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100, 48_000])
@pytest.mark.parametrize("block", [999, 24_000])
def test_blockwise_loudness_is_that_of_the_whole(rate_hz: int, block: int) -> None:
    sound = speech(6.0, rate_hz)
    whole = pyloudnorm.Meter(rate_hz).integrated_loudness(sound)
    assert measured(sound, rate_hz, block) == pytest.approx(whole, abs=0.1)


def test_a_full_scale_sine_has_the_loudness_of_the_standard() -> None:
    """ITU-R BS.1770-4: 997 Hz at 0 dBFS in one channel reads -3.01 LKFS."""
    time = np.arange(48_000 * 5) / 48_000
    sine = np.sin(2 * np.pi * 997 * time).astype(np.float32)
    assert measured(sine, 48_000, 24_000) == pytest.approx(-3.01, abs=0.05)


def test_pauses_do_not_count() -> None:
    sound = speech(4.0, 48_000)
    padded = np.concatenate([sound, np.zeros(48_000 * 20, np.float32)])
    full, with_pause = measured(sound, 48_000, 24_000), measured(padded, 48_000, 24_000)
    assert full is not None
    assert with_pause == pytest.approx(full, abs=0.3)


@pytest.mark.parametrize("sound", [np.zeros(48_000, np.float32), speech(0.3, 48_000)])
def test_too_little_sound_has_no_loudness(sound: F32) -> None:
    assert measured(sound, 48_000, 24_000) is None


def test_without_loudness_nothing_is_amplified() -> None:
    assert normalising_gain(None) == 1.0


def test_very_quiet_sound_is_not_amplified_without_end() -> None:
    assert 20 * np.log10(normalising_gain(-69.0)) == pytest.approx(30)


@pytest.mark.parametrize("gain", [0.5, 2.0, 8.0, 50.0])
def test_the_true_peak_stays_below_the_ceiling(gain: float) -> None:
    sound = speech(3.0, 44_100)
    loud = np.concatenate([*limited(rechunked([sound], 22_050), 44_100, gain)])
    fine = soxr.resample(loud, 44_100, 44_100 * 8, quality="VHQ")
    assert len(loud) == len(sound)
    assert np.abs(fine).max() <= CEILING * 1.012  # 0.1 dB: BS.1770 itself allows more


def test_below_the_ceiling_the_limiter_changes_nothing() -> None:
    sound = speech(2.0, 44_100, level=0.4)
    quiet = np.concatenate([*limited([sound], 44_100, 2.0)])
    assert quiet == pytest.approx(2 * sound, abs=1e-6)


def test_the_limiter_does_not_depend_on_the_blocks() -> None:
    sound = speech(2.0, 16_000)
    one = np.concatenate([*limited([sound], 16_000, 9.0)])
    many = np.concatenate([*limited(rechunked([sound], 1_234), 16_000, 9.0)])
    assert many == pytest.approx(one, abs=1e-4)


def test_flat_runs_at_full_scale_count_as_clipped_and_peaks_do_not() -> None:
    sound = np.zeros((2, 1_000), np.float32)
    sound[0, 100:110] = 1.0  # ten clipped samples
    sound[1, 500] = -1.0  # a peak
    counter = ClipCounter()
    list(counter.watch([sound]))
    assert counter.share == pytest.approx(0.01)


def test_levels_tell_speech_from_pauses() -> None:
    meter = LevelMeter(16_000)
    noise = np.random.default_rng(0).normal(0, 0.001, 48_000)
    meter.add((speech(3.0) + noise).astype(np.float32))
    levels = meter.levels()
    assert levels.peak == pytest.approx(0.3, rel=0.05)
    assert levels.above_noise_db > 30
    assert levels.high_share > 1e-4
