from itertools import pairwise
from pathlib import Path

import numpy as np
import pyloudnorm
import pytest
import soundfile

from models.errors import DiskFull, EmptyScript, OutputNotWritable, SpeechFailed, UnknownVoice
from models.speech.espeak import EspeakProcess, Utterance
from models.speech.sentences import PARAGRAPH_PAUSE_S
from models.speech.synthesis import EspeakSynthesiser
from models.speech.timeline import LEAD_IN_S, SAMPLE_RATE_HZ

SCRIPT = "Peter Piper picked a peck. Did he? Maybe!\n\nBob came home."


def test_a_script_becomes_a_mono_wav_with_its_timeline(
    synthesiser: EspeakSynthesiser, tmp_path: Path
) -> None:
    speech = synthesiser.speak(SCRIPT, "en-us", 1, 1, tmp_path / "out.wav")
    info = soundfile.info(speech.recording.path)
    assert (info.channels, info.samplerate, info.subtype) == (1, SAMPLE_RATE_HZ, "PCM_16")
    assert info.frames == speech.recording.samples
    assert speech.phonemes[0].start_s == 0
    assert speech.phonemes[-1].end_s == pytest.approx(speech.recording.duration_s, abs=1e-4)
    assert all(a.end_s == pytest.approx(b.start_s) for a, b in pairwise(speech.phonemes))
    assert [word.text for word in speech.words] == SCRIPT.split()
    assert all(word.end_s > word.start_s for word in speech.words)
    assert all(a.end_s <= b.start_s + 1e-6 for a, b in pairwise(speech.words))


def test_sound_is_where_the_phonemes_are(synthesiser: EspeakSynthesiser, tmp_path: Path) -> None:
    speech = synthesiser.speak(SCRIPT, "en-us", 1, 1, tmp_path / "out.wav")
    samples, rate = soundfile.read(speech.recording.path)
    for phoneme in speech.phonemes:
        piece = samples[round(phoneme.start_s * rate) : round(phoneme.end_s * rate)]
        if phoneme.ipa.strip("ˈˌː") in tuple("aɑæɪʊ"):
            assert np.abs(piece).max() > 0.05, phoneme
        if not phoneme.ipa and len(piece) > 0.2 * rate:
            assert np.abs(piece[round(0.1 * rate) : -round(0.06 * rate)]).max() < 0.01, phoneme


def test_pauses_stand_before_between_and_after(
    synthesiser: EspeakSynthesiser, tmp_path: Path
) -> None:
    phonemes = synthesiser.speak("One.\n\nTwo.", "en-us", 1, 1, tmp_path / "out.wav").phonemes
    pauses = [phoneme.end_s - phoneme.start_s for phoneme in phonemes if not phoneme.ipa]
    assert pauses[0] == pytest.approx(LEAD_IN_S, abs=0.06)
    assert pauses[1:] == pytest.approx([PARAGRAPH_PAUSE_S] * 2, abs=0.06)


def test_speech_is_pleasantly_loud_and_never_clips(
    synthesiser: EspeakSynthesiser, tmp_path: Path
) -> None:
    for voice in ("en-us", "de+f3", "cmn"):
        text = "你好,世界。今天天气很好。" if voice == "cmn" else SCRIPT
        speech = synthesiser.speak(text, voice, 1, 1, tmp_path / "out.wav")
        samples, rate = soundfile.read(speech.recording.path)
        assert pyloudnorm.Meter(rate).integrated_loudness(samples) == pytest.approx(-16, abs=1)
        assert np.abs(samples).max() < 0.98


def test_the_same_request_gives_the_same_bytes(
    synthesiser: EspeakSynthesiser, tmp_path: Path
) -> None:
    first = synthesiser.speak(SCRIPT, "en-us", 1, 1, tmp_path / "first.wav")
    synthesiser.speak("Ganz etwas anderes.", "de", 1, 1, tmp_path / "other.wav")
    second = synthesiser.speak(SCRIPT, "en-us", 1, 1, tmp_path / "second.wav")
    assert first.recording.path.read_bytes() == second.recording.path.read_bytes()
    assert first.phonemes == second.phonemes


def test_rate_and_pitch_change_the_voice(synthesiser: EspeakSynthesiser, tmp_path: Path) -> None:
    normal = synthesiser.speak(SCRIPT, "en-us", 1, 1, tmp_path / "n.wav").recording
    slow = synthesiser.speak(SCRIPT, "en-us", 0.6, 1, tmp_path / "s.wav").recording
    high = synthesiser.speak(SCRIPT, "en-us", 1, 1.5, tmp_path / "h.wav").recording
    assert slow.duration_s > 1.3 * normal.duration_s
    assert high.path.read_bytes() != normal.path.read_bytes()


@pytest.mark.parametrize(
    ("voice", "script"),
    [
        ("ar", "مرحبا بالعالم، كيف حالك؟"),
        ("he", "שלום עולם"),
        ("ja", "こんにちは、世界。"),
        ("hi", "नमस्ते दुनिया।"),
        ("ru", "Привет, мир!"),
    ],
)
def test_scripts_of_the_world_are_spoken(
    synthesiser: EspeakSynthesiser, tmp_path: Path, voice: str, script: str
) -> None:
    speech = synthesiser.speak(script, voice, 1, 1, tmp_path / "out.wav")
    assert sum(bool(phoneme.ipa) for phoneme in speech.phonemes) > 5
    assert speech.words


def test_markup_is_read_not_obeyed(synthesiser: EspeakSynthesiser, tmp_path: Path) -> None:
    plain = synthesiser.speak("one", "en-us", 1, 1, tmp_path / "p.wav")
    marked = synthesiser.speak(
        '<prosody rate="x-slow">one</prosody>', "en-us", 1, 1, tmp_path / "m.wav"
    )
    assert len(marked.phonemes) > 3 * len(plain.phonemes)


def test_an_empty_script_leaves_no_file(synthesiser: EspeakSynthesiser, tmp_path: Path) -> None:
    with pytest.raises(EmptyScript):
        synthesiser.speak("🎉🎉", "en-us", 1, 1, tmp_path / "out.wav")
    with pytest.raises(UnknownVoice):
        synthesiser.speak("hello", "atlantean", 1, 1, tmp_path / "out.wav")
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_place_is_named(synthesiser: EspeakSynthesiser, tmp_path: Path) -> None:
    with pytest.raises(OutputNotWritable, match="missing"):
        synthesiser.speak("hello", "en-us", 1, 1, tmp_path / "missing" / "out.wav")
    with pytest.raises(OutputNotWritable):
        synthesiser.speak("hello", "en-us", 1, 1, tmp_path)
    assert tmp_path.is_dir()


def test_a_full_disk_is_said(synthesiser: EspeakSynthesiser) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    with pytest.raises(DiskFull, match="/dev/full"):
        synthesiser.speak("hello", "en-us", 1, 1, full)
    assert full.exists()


class DiesInTheMiddle(EspeakProcess):
    """The real process until the second sentence."""

    def speak(
        self, text: str, voice: str, rate_wpm: int, pitch: int, pitch_range: int
    ) -> Utterance:
        if "Second" in text:
            raise SpeechFailed("it died; try again")
        return super().speak(text, voice, rate_wpm, pitch, pitch_range)


def test_a_failure_half_way_leaves_no_file(tmp_path: Path) -> None:
    synthesiser = EspeakSynthesiser(DiesInTheMiddle())
    with pytest.raises(SpeechFailed):
        synthesiser.speak("First one. Second one.", "en-us", 1, 1, tmp_path / "out.wav")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("voice", "least", "most"), [("en-us", 2.3, 3.2), ("de", 2.0, 3.0)])
def test_the_speaking_rate_is_that_of_a_person(
    synthesiser: EspeakSynthesiser, voice: str, least: float, most: float
) -> None:
    assert least < synthesiser.speaking_rate(voice) < most
