import numpy as np
import pyloudnorm
import pytest

from models.speech.loudness import TARGET_LUFS, gain_for, limited

RATE = 22_050


@pytest.mark.parametrize("seconds", [0.1, 1.0, 8.0])
def test_the_gain_reaches_the_target(seconds: float) -> None:
    time = np.arange(int(seconds * RATE)) / RATE
    tone = (0.01 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)
    louder = np.tile(tone * gain_for(tone, RATE), 40).astype(np.float64)
    loudness = pyloudnorm.Meter(RATE).integrated_loudness(louder)
    assert loudness == pytest.approx(TARGET_LUFS, abs=0.3)


def test_silence_keeps_its_level() -> None:
    assert gain_for(np.zeros(RATE, np.float32), RATE) == 1.0


def test_the_limiter_keeps_the_quiet_and_bends_the_loud() -> None:
    samples = np.linspace(-4, 4, 1001).astype(np.float32)
    bent = limited(samples)
    quiet = np.abs(samples) < 0.7
    np.testing.assert_array_equal(bent[quiet], samples[quiet])
    assert np.abs(bent).max() <= 0.97
    assert (np.diff(bent) >= 0).all()
