from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from models.speech.allphone import LONGEST_S, SHORTEST_S, Allphone, pieces
from models.speech.features import listen
from models.speech.synthesis import EspeakSynthesiser
from models.speech.visemes import visemes_of


def test_short_speech_is_one_piece() -> None:
    assert pieces(np.zeros(900, np.float32)) == [(0, 900)]


def test_long_speech_is_cut_in_its_pauses() -> None:
    energy = np.zeros(10_000, np.float32)
    for pause in (1_500, 3_900, 6_500, 9_000):
        energy[pause - 20 : pause + 20] = -60
    found = pieces(energy)
    assert [start for start, _ in found[1:]] == [stop for _, stop in found[:-1]]
    assert found[0][0] == 0
    assert found[-1][1] == 10_000
    for start, stop in found[:-1]:
        assert SHORTEST_S * 100 <= stop - start <= LONGEST_S * 100
        assert energy[stop] == -60


def test_phones_follow_one_another_over_the_whole_recording(
    synthesiser: EspeakSynthesiser, tmp_path: Path
) -> None:
    text = "The sea is calm tonight. " * 20
    recording = synthesiser.speak(text, "en-us", 1, 1, tmp_path / "out.wav").recording
    assert recording.duration_s > LONGEST_S
    phonemes = Allphone().phonemes(recording, listen(recording).energy_db)
    assert phonemes[0].start_s == 0
    assert phonemes[-1].end_s == pytest.approx(recording.duration_s, abs=0.1)
    gaps = [after.start_s - before.end_s for before, after in pairwise(phonemes)]
    assert max(map(abs, gaps)) < 0.06
    assert sum(bool(visemes_of(phoneme.ipa)) for phoneme in phonemes) > 100
