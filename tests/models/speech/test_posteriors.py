from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from models.arrays import F32
from models.errors import UnknownVoice
from models.media.waveform import Recording, SpokenAudio
from models.speech.features import listen
from models.speech.posteriors import Source, estimated_snr_db, viseme_posteriors, with_times
from models.speech.synthesis import EspeakSynthesiser
from models.speech.visemes import VISEMES
from tests.models.speech.conftest import WriteWav

TEXT = "Bob made a big bamboo boat. Maybe Pam will paint it."
LIPS = VISEMES.index("PP")


@pytest.fixture(scope="module")
def speech(synthesiser: EspeakSynthesiser, tmp_path_factory: pytest.TempPathFactory) -> SpokenAudio:
    out: Path = tmp_path_factory.mktemp("speech") / "out.wav"
    return synthesiser.speak(TEXT, "en-gb+f3", 0.95, 1, out)


def noisy(speech: SpokenAudio, snr_db: float, write_wav: WriteWav) -> Recording:
    samples, rate = soundfile.read(speech.recording.path, dtype="float32")
    noise: F32 = np.random.default_rng(0).normal(size=len(samples)).astype(np.float32)
    level = np.sqrt(np.square(samples).mean()) * 10 ** (-snr_db / 20)
    return write_wav(samples + noise * np.float32(level), rate)


def test_own_phonemes_come_first(speech: SpokenAudio) -> None:
    seen = viseme_posteriors(speech)
    assert seen.source is Source.PHONEMES
    assert seen.speech is speech


def test_known_text_is_aligned_and_timed(
    speech: SpokenAudio, synthesiser: EspeakSynthesiser
) -> None:
    seen = viseme_posteriors(SpokenAudio(speech.recording, text=TEXT), synthesiser)
    truth = viseme_posteriors(speech).posteriors
    assert seen.source is Source.TEXT
    assert [word.text for word in seen.speech.words] == TEXT.split()
    assert seen.speech.phonemes
    assert (seen.posteriors.argmax(1) == truth.argmax(1)).mean() > 0.8


def test_a_wrong_text_is_not_forced_on_the_speech(
    speech: SpokenAudio, synthesiser: EspeakSynthesiser
) -> None:
    wrong = SpokenAudio(speech.recording, text="Sixty six ships sail silently at sea.", words=())
    seen = viseme_posteriors(wrong, synthesiser)
    assert seen.source in (Source.RECOGNISED, Source.ACOUSTIC)
    assert with_times(wrong, synthesiser).words == ()


def test_a_text_in_an_unknown_language_is_refused(
    speech: SpokenAudio, synthesiser: EspeakSynthesiser
) -> None:
    with pytest.raises(UnknownVoice):
        viseme_posteriors(
            SpokenAudio(speech.recording, text=TEXT, language="atlantean"), synthesiser
        )


def test_clear_speech_is_recognised_and_noisy_speech_left_to_the_net(
    speech: SpokenAudio, write_wav: WriteWav
) -> None:
    assert viseme_posteriors(SpokenAudio(speech.recording)).source is Source.RECOGNISED
    recording = noisy(speech, 5, write_wav)
    assert viseme_posteriors(SpokenAudio(recording)).source is Source.ACOUSTIC


def test_noise_lowers_the_estimated_ratio(speech: SpokenAudio, write_wav: WriteWav) -> None:
    clean = estimated_snr_db(listen(speech.recording).energy_db)
    ten = estimated_snr_db(listen(noisy(speech, 10, write_wav)).energy_db)
    assert clean > 30 > 18 > ten > 5


@pytest.mark.parametrize("keep", [("phonemes", "text"), ("text",), ()])
def test_rows_are_probabilities_and_lips_decided(
    speech: SpokenAudio, synthesiser: EspeakSynthesiser, keep: tuple[str, ...]
) -> None:
    known = replace(
        speech,
        phonemes=speech.phonemes if "phonemes" in keep else (),
        words=(),
        text=TEXT if "text" in keep else None,
    )
    rows = viseme_posteriors(known, synthesiser).posteriors
    assert rows.dtype == np.float32
    assert rows.min() >= 0
    np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-5)
    undecided = (rows[:, LIPS] > 0.2) & (rows[:, LIPS] < 0.8)
    assert undecided.mean() < 0.12


def test_silence_is_silence_whatever_the_source(write_wav: WriteWav) -> None:
    hum = (0.001 * np.random.default_rng(0).normal(size=32_000)).astype(np.float32)
    voice = np.sin(2 * np.pi * 150 * np.arange(16_000) / 16_000).astype(np.float32) * 0.5
    recording = write_wav(np.concatenate([hum, voice, hum]).astype(np.float32), 16_000)
    rows = viseme_posteriors(SpokenAudio(recording)).posteriors
    assert rows[:180, 0].min() > 0.99
    assert rows[-180:, 0].min() > 0.99


@pytest.mark.parametrize("samples", [0, 1, 100, 16_000])
def test_digital_silence_of_any_length_is_silence(samples: int, write_wav: WriteWav) -> None:
    recording = write_wav(np.zeros(samples, np.float32), 16_000)
    rows = viseme_posteriors(SpokenAudio(recording)).posteriors
    assert len(rows) == -(-samples // 160)
    assert (rows[:, 0] > 0.99).all()


def test_the_same_recording_gives_the_same_rows(speech: SpokenAudio) -> None:
    bare = SpokenAudio(speech.recording)
    first, second = viseme_posteriors(bare), viseme_posteriors(bare)
    np.testing.assert_array_equal(first.posteriors, second.posteriors)


def test_speech_with_times_keeps_them(speech: SpokenAudio) -> None:
    assert with_times(speech) is speech
