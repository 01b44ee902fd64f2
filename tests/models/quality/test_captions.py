import numpy as np
import pytest

from models.arrays import F32
from models.media.waveform import Word
from models.quality.captions import captions_lag_s

TIMES = ((0.4, 0.7), (0.75, 1.2), (1.9, 2.3), (2.4, 2.5), (3.4, 3.9))


def energy_db() -> F32:
    """Loud where words are said, four and a half seconds."""
    found = np.full(450, -50, np.float32)
    for start_s, end_s in TIMES:
        found[round(100 * start_s) : round(100 * end_s)] = -4
    return found


def words(late_s: float) -> list[Word]:
    return [Word("word", start + late_s, end + late_s) for start, end in TIMES]


@pytest.mark.parametrize("late_s", [-0.3, 0.0, 0.2])
def test_captions_are_found_to_be_as_late_as_they_are(late_s: float) -> None:
    assert captions_lag_s(words(late_s), energy_db()) == pytest.approx(late_s)


def test_without_words_or_pauses_nothing_is_claimed() -> None:
    assert captions_lag_s([], energy_db()) is None
    assert captions_lag_s(words(0), np.full(450, -4, np.float32)) is None


def test_words_beyond_the_sound_do_no_harm() -> None:
    late = [*words(0), Word("more", 4.4, 9.0)]
    assert captions_lag_s(late, energy_db()) == pytest.approx(0)
