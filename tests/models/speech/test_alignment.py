from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from models.media.waveform import Recording, SpokenAudio
from models.speech.alignment import WORST_MISFIT, aligned
from models.speech.features import listen
from models.speech.synthesis import EspeakSynthesiser

TEXT = "Bob and Pam moved the big piano, maybe before breakfast. Mum helped them both."


def other_voice(synthesiser: EspeakSynthesiser, out: Path, shift_s: float) -> SpokenAudio:
    """Another voice, slower and lower, after a silence: what is to be found again."""
    speech = synthesiser.speak(TEXT, "en-gb+f3", 0.85, 0.9, out)
    samples, rate = soundfile.read(out, dtype="float32")
    shifted = np.concatenate([np.zeros(round(shift_s * rate), np.float32), samples])
    soundfile.write(out, shifted, rate)
    return replace(speech, recording=Recording(out, rate, len(shifted)))


@pytest.mark.parametrize("shift_s", [0.0, 1.3])
def test_words_and_closures_of_another_voice_are_found(
    synthesiser: EspeakSynthesiser, tmp_path: Path, shift_s: float
) -> None:
    truth = other_voice(synthesiser, tmp_path / "other.wav", shift_s)
    untimed = SpokenAudio(truth.recording, text=TEXT, language="en-us")
    timed, misfit = aligned(untimed, listen(truth.recording), synthesiser)
    assert misfit < WORST_MISFIT
    assert [word.text for word in timed.words] == [word.text for word in truth.words]
    off = [
        abs(found.start_s - true.start_s - shift_s)
        for found, true in zip(timed.words, truth.words, strict=True)
    ]
    assert np.median(off) < 0.04
    assert max(off) < 0.15
    lips = [p.start_s + shift_s for p in truth.phonemes if p.ipa in ("b", "p", "m")]
    found = [p.start_s for p in timed.phonemes if p.ipa in ("b", "p", "m")]
    missed = [min(abs(time - other) for other in found) for time in lips]
    assert np.median(missed) < 0.03


def test_a_text_that_is_not_said_does_not_fit(
    synthesiser: EspeakSynthesiser, tmp_path: Path
) -> None:
    truth = other_voice(synthesiser, tmp_path / "other.wav", 0.2)
    not_said = SpokenAudio(truth.recording, text="Sixty six ships sail silently at sea. " * 2)
    assert aligned(not_said, listen(truth.recording), synthesiser)[1] > WORST_MISFIT
