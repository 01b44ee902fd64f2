"""Speech whose text is known: the engine says the text, and its times are warped to the recording.

Works for any language the engine speaks and holds in noise. Both sides are compared by cepstra,
their slopes and the viseme net's opinion.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import soxr
from scipy.fft import dct

from models.arrays import F32, F64
from models.media.waveform import ANALYSIS_RATE_HZ, Phoneme, SpokenAudio, Word
from models.speech.acoustic import acoustic_posteriors
from models.speech.features import Heard, hear
from models.speech.synthesis import EspeakSynthesiser
from models.speech.timeline import SAMPLE_RATE_HZ, Timeline
from models.speech.visemes import RATE_HZ
from models.speech.warping import warp

WORST_MISFIT = 0.9  # measured: 0.69 to 0.88 for the right text down to 5 dB of noise, others above
_CEPSTRA = 13
_JUDGED_ROWS = 6_000
_CEPSTRA_SCALE, _SLOPE_SCALE, _VISEME_SCALE = 0.15, 0.5, 3.0
_SLOPE_ROWS = 2
_SLOWEST, _FASTEST = 0.6, 1.8
_AUDIBLE_DB = -35.0


def aligned(
    speech: SpokenAudio, heard: Heard, synthesiser: EspeakSynthesiser
) -> tuple[SpokenAudio, float]:
    """The speech with phonemes and words timed, and how badly the text fits.

    The misfit is what aligning costs over what aligning the text backwards costs: above
    WORST_MISFIT the text is not what is said. Raises EmptyScript, UnknownVoice, SpeechFailed.
    """
    text = speech.text or ""
    timeline, spoken = _said(synthesiser, text, speech.language, 1.0)
    rate = float(np.clip(_speech_rows(spoken) / _speech_rows(heard), _SLOWEST, _FASTEST))
    timeline, spoken = _said(synthesiser, text, speech.language, rate)
    text_rows, heard_rows = _comparable(spoken), _comparable(heard)
    places, _ = warp(text_rows, heard_rows)
    misfit = _misfit(text_rows, heard_rows, places)
    move = _Move(places, speech.recording.duration_s)
    timed = replace(
        speech,
        phonemes=tuple(_moved_phonemes(timeline.phonemes, move)),
        words=tuple(_moved_words(timeline.words, move)),
    )
    return timed, misfit


def _misfit(text_rows: F32, heard_rows: F32, places: F64) -> float:
    """Judged on the middle minute, against the same text backwards."""
    first = max(len(text_rows) - _JUDGED_ROWS, 0) // 2
    text = text_rows[first : first + _JUDGED_ROWS]
    heard = heard_rows[int(places[first]) : int(places[first + len(text) - 1]) + 1]
    return warp(text, heard)[1] / max(warp(text[::-1], heard)[1], 1e-6)


class _Move:
    """From the engine's time to the recording's."""

    def __init__(self, places: F64, duration_s: float) -> None:
        rows = np.arange(len(places))
        self._from_s = np.concatenate([[0], (rows + 0.5) / RATE_HZ])
        self._to_s = np.concatenate([[0], (places + 0.5) / RATE_HZ])
        self._duration_s = duration_s

    def __call__(self, time_s: float) -> float:
        return min(float(np.interp(time_s, self._from_s, self._to_s)), self._duration_s)


def _said(
    synthesiser: EspeakSynthesiser, text: str, voice: str, rate: float
) -> tuple[Timeline, Heard]:
    timeline = Timeline()
    return timeline, hear(_at_16k(synthesiser.stream(timeline, text, voice, rate)))


def _at_16k(blocks: Iterator[F32]) -> Iterator[F32]:
    resampler = soxr.ResampleStream(SAMPLE_RATE_HZ, ANALYSIS_RATE_HZ, 1, dtype="float32")
    for block in blocks:
        yield resampler.resample_chunk(block)
    yield resampler.resample_chunk(np.zeros(0, np.float32), last=True)


def _speech_rows(heard: Heard) -> int:
    return max(int((heard.energy_db > _AUDIBLE_DB).sum()), 1)


def _comparable(heard: Heard) -> F32:
    """(T, 13 + 13 + 15) cepstra, their slopes and the roots of the viseme posteriors."""
    cepstra = dct(heard.log_mel, norm="ortho", axis=1)[:, :_CEPSTRA]
    cepstra = cepstra - cepstra.mean(axis=0)
    cepstra /= cepstra.std(axis=0) + 1e-3
    ahead, behind = (np.roll(cepstra, shift, axis=0) for shift in (-_SLOPE_ROWS, _SLOPE_ROWS))
    slopes = (ahead - behind) / (2 * _SLOPE_ROWS)
    slopes[:_SLOPE_ROWS] = slopes[len(slopes) - _SLOPE_ROWS :] = 0
    visemes = np.sqrt(acoustic_posteriors(heard.log_mel))
    parts = [_CEPSTRA_SCALE * cepstra, _SLOPE_SCALE * slopes, _VISEME_SCALE * visemes]
    stacked: F32 = np.concatenate(parts, axis=1).astype(np.float32)
    return stacked


def _moved_phonemes(phonemes: list[Phoneme], move: _Move) -> Iterator[Phoneme]:
    for phoneme in phonemes:
        start, end = move(phoneme.start_s), move(phoneme.end_s)
        if end > start:
            yield Phoneme(phoneme.ipa, start, end)


def _moved_words(words: list[Word], move: _Move) -> Iterator[Word]:
    for word in words:
        yield Word(word.text, move(word.start_s), move(word.end_s))
