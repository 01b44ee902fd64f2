"""Sentences one after another: their sound streams, their phonemes and words gather."""

from collections.abc import Callable, Iterator

import numpy as np

from models.arrays import F32
from models.media.waveform import Phoneme, Word
from models.speech.espeak import Utterance
from models.speech.phonemes import timed_phonemes, timed_words
from models.speech.sentences import Sentence
from models.speech.tone import softened

SAMPLE_RATE_HZ = 22_050
LEAD_IN_S = 0.2
TAIL_S = 0.05  # of the engine's own decay kept after a sentence


class Timeline:
    """What has been said so far, over the whole recording."""

    def __init__(self) -> None:
        self.phonemes: list[Phoneme] = []
        self.words: list[Word] = []

    def clips(self, script: list[Sentence], say: Callable[[Sentence], Utterance]) -> Iterator[F32]:
        """Blocks of samples, about as loud as the engine made them."""
        yield np.zeros(round(LEAD_IN_S * SAMPLE_RATE_HZ), np.float32)
        self._pause(0, round(LEAD_IN_S * SAMPLE_RATE_HZ))
        position = round(LEAD_IN_S * SAMPLE_RATE_HZ)
        for sentence in script:
            clip = self._place(sentence, say(sentence), position)
            position += len(clip)
            yield clip

    def _place(self, sentence: Sentence, utterance: Utterance, position: int) -> F32:
        pcm: F32 = np.frombuffer(utterance.pcm, "<i2").astype(np.float32) / np.float32(32768)
        samples = softened(pcm, SAMPLE_RATE_HZ)
        end = _end_of_speech(utterance, len(samples))
        heard = [(position + start, ipa) for start, ipa in utterance.phonemes if start < end]
        if heard and self.phonemes:
            heard.insert(0, (self._last_pause(), ""))
        phonemes = timed_phonemes(heard, position + end, SAMPLE_RATE_HZ)
        self.phonemes += phonemes
        words = [(position + start, character) for start, character in utterance.words]
        self.words += timed_words(sentence.text, words, phonemes, SAMPLE_RATE_HZ)
        length = end + round(sentence.pause_s * SAMPLE_RATE_HZ)
        self._pause(position + end, position + length)
        return _with_pause(samples, end, length)

    def _pause(self, start: int, stop: int) -> None:
        if stop > start:
            self.phonemes.append(Phoneme("", start / SAMPLE_RATE_HZ, stop / SAMPLE_RATE_HZ))

    def _last_pause(self) -> int:
        """Takes the open pause back, so that a stop after it can claim its end."""
        if self.phonemes[-1].ipa:
            return round(self.phonemes[-1].end_s * SAMPLE_RATE_HZ)
        return round(self.phonemes.pop().start_s * SAMPLE_RATE_HZ)


def _end_of_speech(utterance: Utterance, samples: int) -> int:
    """Where the engine's trailing pause begins."""
    end = samples
    for start, ipa in reversed(utterance.phonemes):
        if ipa:
            break
        end = start
    return min(end, samples)


def _with_pause(samples: F32, end: int, length: int) -> F32:
    """Speech up to `end`, its decay faded out, silence up to `length`."""
    clip = np.zeros(length, np.float32)
    clip[:end] = samples[:end]
    tail = samples[end : min(end + round(TAIL_S * SAMPLE_RATE_HZ), length)]
    clip[end : end + len(tail)] = tail * np.linspace(1, 0, len(tail), dtype=np.float32)
    return clip
