"""Text to speech behind one interface; the embedded engine is espeak-ng."""

import errno
import wave
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import IO, Protocol

import numpy as np

from models.arrays import F32
from models.errors import DiskFull, EmptyScript, OutputNotWritable, SpeechFailed
from models.media.waveform import Recording, SpokenAudio
from models.speech.espeak import EspeakProcess, Utterance
from models.speech.loudness import gain_for, limited
from models.speech.pace import count_words, passage
from models.speech.sentences import sentences, spoken_text
from models.speech.timeline import SAMPLE_RATE_HZ, Timeline
from models.speech.voices import Voice, VoiceBook, voice_book

NORMAL_RATE_WPM = 160
NORMAL_PITCH, PITCH_RANGE = 50, 55
LOUDNESS_PROBE_S = 20.0


class Synthesiser(Protocol):
    def speak(self, text: str, voice: str, rate: float, pitch: float, out: Path) -> SpokenAudio:
        """Writes a mono 16-bit WAV. Rate and pitch are factors, 1 the voice's own."""


class EspeakSynthesiser:
    """espeak-ng: offline, 100+ languages, phonemes and words known to the sample."""

    def __init__(self, process: EspeakProcess | None = None) -> None:
        self._process = process or EspeakProcess()
        self._rates: dict[str, float] = {}

    @property
    def book(self) -> VoiceBook:
        return voice_book(self._process)

    def voices(self) -> tuple[Voice, ...]:
        return self.book.voices

    def speak(self, text: str, voice: str, rate: float, pitch: float, out: Path) -> SpokenAudio:
        """Raises EmptyScript, ScriptTooLong, UnknownVoice, SpeechFailed or an OutputError."""
        found, _ = self.book.find(voice)
        timeline = Timeline()
        samples = _written(out, self.stream(timeline, text, voice, rate, pitch))
        if not any(phoneme.ipa for phoneme in timeline.phonemes):
            out.unlink()
            raise EmptyScript(
                f"voice {voice!r} can say nothing of the script: choose a voice of its language"
            )
        return SpokenAudio(
            recording=Recording(out, SAMPLE_RATE_HZ, samples),
            phonemes=tuple(timeline.phonemes),
            words=tuple(timeline.words),
            text=text,
            language=found.language,
        )

    def stream(
        self, timeline: Timeline, text: str, voice: str, rate: float = 1.0, pitch: float = 1.0
    ) -> Iterator[F32]:
        """The speech sentence by sentence, -1..1; `timeline` fills as it is consumed."""
        script = sentences(text)
        _, engine_voice = self.book.find(voice)
        return timeline.clips(
            script, lambda sentence: self._say(sentence.text, engine_voice, rate, pitch)
        )

    def say(self, text: str, voice: str, rate: float = 1.0, pitch: float = 1.0) -> Utterance:
        """One short text as the engine speaks it, for alignment and measuring."""
        return self._say(text, self.book.find(voice)[1], rate, pitch)

    def speaking_rate(self, voice: str) -> float:
        """Words a second at rate 1, pauses counted, measured once on a text of its language."""
        found, _ = self.book.find(voice)
        if voice not in self._rates:
            text = passage(found.language)
            samples = sum(map(len, self.stream(Timeline(), text, voice)))
            self._rates[voice] = count_words(text) * SAMPLE_RATE_HZ / samples
        return self._rates[voice]

    def _say(self, text: str, engine_voice: str, rate: float, pitch: float) -> Utterance:
        utterance = self._process.speak(
            spoken_text(text),
            engine_voice,
            rate_wpm=round(NORMAL_RATE_WPM * rate),
            pitch=_engine_pitch(pitch),
            pitch_range=PITCH_RANGE,
        )
        if utterance.sample_rate_hz != SAMPLE_RATE_HZ:
            raise SpeechFailed(
                f"voice {engine_voice!r} speaks at {utterance.sample_rate_hz} Hz, "
                f"not {SAMPLE_RATE_HZ}: choose another voice"
            )
        return utterance


@cache
def embedded_synthesiser() -> EspeakSynthesiser:
    """One speech process for all who bring none."""
    return EspeakSynthesiser()


def _engine_pitch(factor: float) -> int:
    """The library's table is an octave over 50 steps either side of the voice's own pitch."""
    return int(np.clip(round(NORMAL_PITCH + 50 * np.log2(factor)), 0, 99))


def _written(out: Path, clips: Iterator[F32]) -> int:
    """Streams the clips to a WAV at a pleasant loudness; no part of it stays on failure."""
    try:
        file = out.open("wb")
    except OSError as error:
        raise _output_error(out, error) from error
    try:
        with file:
            return _write_wav(file, clips)
    except BaseException as error:
        if out.is_file():  # never a device
            out.unlink()
        if isinstance(error, OSError):
            raise _output_error(out, error) from error
        raise


def _write_wav(file: IO[bytes], clips: Iterator[F32]) -> int:
    samples = 0
    with closing(wave.open(file, "wb")) as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(SAMPLE_RATE_HZ)
        for clip in _levelled(clips):
            wav.writeframesraw((limited(clip) * 32767).round().astype("<i2").tobytes())
            samples += len(clip)
    return samples


def _levelled(clips: Iterator[F32]) -> Iterator[F32]:
    """One gain for the whole recording, found on its first seconds: memory stays bounded."""
    probe: list[F32] = []
    for clip in clips:
        probe.append(clip)
        if sum(map(len, probe)) >= LOUDNESS_PROBE_S * SAMPLE_RATE_HZ:
            break
    gain = gain_for(np.concatenate(probe), SAMPLE_RATE_HZ)
    for clip in probe:
        yield clip * gain
    for clip in clips:
        yield clip * gain


def _output_error(out: Path, error: OSError) -> OutputNotWritable | DiskFull:
    if error.errno == errno.ENOSPC:
        return DiskFull(f"no space left to write {out}: free some and try again")
    return OutputNotWritable(f"cannot write {out} ({error.strerror}): choose another folder")
