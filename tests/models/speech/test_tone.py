import numpy as np
import pytest

from models.arrays import F32
from models.speech.tone import softened

RATE = 22_050


@pytest.mark.parametrize(
    ("frequency_hz", "gain_db"), [(40, 4), (600, -0.7), (1_500, -4), (3_000, -1.9), (10_000, -4)]
)
def test_it_warms_and_softens_by_a_few_decibels(frequency_hz: float, gain_db: float) -> None:
    time = np.arange(RATE) / RATE
    tone: F32 = np.sin(2 * np.pi * frequency_hz * time).astype(np.float32)
    heard = softened(tone, RATE)[RATE // 2 :]
    measured = 20 * np.log10(heard.std() / tone.std())
    assert measured == pytest.approx(gain_db, abs=0.8)
