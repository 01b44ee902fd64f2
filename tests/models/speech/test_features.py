import numpy as np
import pytest

from models.arrays import F32
from models.errors import UnreadableAudio
from models.media.waveform import Recording
from models.speech.features import blocks_16k, hear, listen, mel_centres_hz, normalised
from tests.models.speech.conftest import WriteWav

RATE = 16_000


def chirp(seconds: float) -> F32:
    time = np.arange(int(seconds * RATE)) / RATE
    wave: F32 = (0.3 * np.sin(2 * np.pi * (200 + 300 * time) * time)).astype(np.float32)
    return wave


@pytest.mark.parametrize("sizes", [(160, 7), (1_000,), (16_000, 3), (50_000,)])
def test_blocks_of_any_size_give_the_same_rows(sizes: tuple[int, ...]) -> None:
    samples = chirp(2.003)
    whole = hear([samples])
    cut = []
    position, turn = 0, 0
    while position < len(samples):
        size = sizes[turn % len(sizes)]
        cut.append(samples[position : position + size])
        position, turn = position + size, turn + 1
    pieces = hear(cut)
    assert len(whole.log_mel) == 201
    np.testing.assert_allclose(pieces.log_mel, whole.log_mel, atol=1e-4)
    np.testing.assert_allclose(pieces.energy_db, whole.energy_db, atol=1e-4)


def test_a_row_hears_its_own_ten_milliseconds() -> None:
    samples = np.zeros(RATE, np.float32)
    samples[50 * 160 + 80] = 1  # the middle of row 50
    loudness = hear([samples]).log_mel.max(axis=1)
    assert loudness.argmax() == 50
    assert loudness[49] == pytest.approx(loudness[51], abs=0.2)


def test_a_tone_lights_its_band() -> None:
    time = np.arange(RATE) / RATE
    tone: F32 = np.sin(2 * np.pi * 1_000 * time).astype(np.float32)
    band = hear([tone]).log_mel.mean(axis=0).argmax()
    assert abs(mel_centres_hz()[band] - 1_000) < 60


def test_loudness_is_relative_to_speech_and_bounded() -> None:
    samples = np.concatenate([chirp(1), np.zeros(RATE, np.float32)])
    quiet = hear([samples * np.float32(0.01)]).energy_db
    loud = hear([samples]).energy_db
    assert loud[:99].mean() == pytest.approx(0, abs=2)
    assert loud[110:].max() == -60
    np.testing.assert_allclose(quiet[:99], loud[:99], atol=0.1)


def test_a_recording_of_another_rate_has_the_same_rows(write_wav: WriteWav) -> None:
    time = np.arange(3 * 44_100) / 44_100
    samples = (0.3 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)
    heard = listen(write_wav(samples, 44_100))
    assert len(heard.log_mel) == 300
    assert sum(map(len, blocks_16k(write_wav(samples, 44_100), 1.0, 2.5))) == 24_000


def test_an_unreadable_recording_is_named(write_wav: WriteWav) -> None:
    recording = write_wav(chirp(0.1), RATE)
    recording.path.write_bytes(b"not sound")
    with pytest.raises(UnreadableAudio, match=r"written\.wav"):
        listen(recording)
    with pytest.raises(UnreadableAudio, match="gone"):
        listen(Recording(recording.path.with_name("gone.wav"), RATE, 10))


def test_normalised_features_forget_level_and_microphone() -> None:
    heard = hear([chirp(2)]).log_mel
    microphone = np.linspace(-2, 3, heard.shape[1], dtype=np.float32)
    np.testing.assert_allclose(normalised(heard), normalised(heard + microphone), atol=1e-4)
    assert np.abs(normalised(heard)).max() <= 3.5


def test_no_sound_has_no_rows() -> None:
    heard = hear([])
    assert heard.log_mel.shape == (0, 40)
    assert normalised(heard.log_mel).shape == (0, 40)
