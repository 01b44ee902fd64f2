"""A synthetic corpus: random words read by many voices, with every row's viseme known."""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pocketsphinx
import soxr
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from models.arrays import F32
from models.media.waveform import ANALYSIS_RATE_HZ, Phoneme
from models.speech.espeak import EspeakProcess, Utterance
from models.speech.features import hear
from models.speech.human_spectra import PHONE_INDEX
from models.speech.phonemes import timed_phonemes
from models.speech.visemes import RATE_HZ, phoneme_posteriors, shares

LANGUAGES = (  # noqa: SIM905
    "en-US en en-GB-x-rp en-GB-scotland en-029 de fr es es-419 pt pt-BR nl pl ru uk da nb fi hu "
    "ro el tr bg hr sk sl et lt lv id ms sw"
).split()
UNSEEN_LANGUAGES = ("it", "sv", "cs")
UNSEEN_VARIANTS = ("f3", "m5", "Alicia", "edward", "steph", "john")
_ODD_VARIANTS = ("whisper", "croak", "robosoft", "UniRobot", "Demonic", "fast", "announcer")
_FUNCTION_WORDS = (  # noqa: SIM905
    "the of and a to in is you that it he was for on are as with his they I at be this have from "
    "or had by but what some we can out other were all there when up use your how said an each "
    "she which do their time if will way about many then them would so these her long make him "
    "two has look more go see could no my been who its now people made over did down only may "
    "maybe before remember problem move from me him home family because both put keep help"
).split()
NO_STATE = -1


@dataclass(frozen=True)
class Sample:
    log_mel: F32  # (T, 40)
    visemes: F32  # (T, 15) shares of each row
    states: NDArray[np.int64]  # (T,) of human_spectra, NO_STATE where there is none


class Reader:
    """Reads random words with a random voice, rate and pitch; seeded."""

    def __init__(self, process: EspeakProcess, seed: int) -> None:
        self._process = process
        self._random = np.random.default_rng(seed)
        self._words = _dictionary()

    def samples(
        self, count: int, languages: Sequence[str], variants: Sequence[str], plain: bool = False
    ) -> Iterator[Sample]:
        """`plain` leaves out the changes of voice and room, for measuring."""
        for _ in range(count):
            utterance = self._read(languages, variants)
            factor = 1.0 if plain else self._random.uniform(0.82, 1.22)
            room = np.zeros(0, np.float32) if plain else self._room()
            yield _sample(utterance, factor, room)

    def _read(self, languages: Sequence[str], variants: Sequence[str]) -> Utterance:
        random = self._random
        variant = str(random.choice(variants))
        return self._process.speak(
            self._text(),
            str(random.choice(languages)) + (f"+{variant}" if random.random() < 0.9 else ""),
            rate_wpm=int(random.integers(110, 250)),
            pitch=int(random.integers(15, 85)),
            pitch_range=int(random.integers(20, 80)),
        )

    def _text(self) -> str:
        random = self._random
        words = []
        for _ in range(random.integers(12, 17)):
            pool = _FUNCTION_WORDS if random.random() < 0.45 else self._words
            words.append(str(pool[random.integers(len(pool))]))
            if random.random() < 0.08:
                words[-1] += ","
        return " ".join(words)

    def _room(self) -> F32:
        """An impulse response: the direct sound and a decaying tail; often none."""
        if self._random.random() < 0.5:
            return np.zeros(0, np.float32)
        decay_s = self._random.uniform(0.05, 0.4)
        time = np.arange(int(decay_s * ANALYSIS_RATE_HZ)) / ANALYSIS_RATE_HZ
        tail = self._random.normal(size=len(time)) * np.exp(-6.9 * time / decay_s)
        tail *= self._random.uniform(0.1, 0.6) / np.sqrt(np.square(tail).sum())
        tail[0] = 1
        return tail.astype(np.float32)


def training_variants(all_variants: Sequence[str]) -> list[str]:
    return [
        variant
        for variant in all_variants
        if variant not in UNSEEN_VARIANTS and not variant.startswith(_ODD_VARIANTS)
    ]


def _dictionary() -> list[str]:
    path = Path(pocketsphinx.get_model_path("en-us/cmudict-en-us.dict"))
    words = (line.split(" ", 1)[0] for line in path.read_text(encoding="utf-8").splitlines())
    return [word for word in words if word.isalpha() and 2 < len(word) < 11]


def _sample(utterance: Utterance, factor: float, room: F32) -> Sample:
    """A `factor` above one plays the voice faster and higher, as a smaller head would sound."""
    pcm = np.frombuffer(utterance.pcm, "<i2").astype(np.float32) / np.float32(32768)
    rate = utterance.sample_rate_hz * factor
    sound = soxr.resample(pcm, rate, ANALYSIS_RATE_HZ)
    if len(room):
        sound = fftconvolve(sound, room)[: len(sound)].astype(np.float32)
    log_mel = hear([sound]).log_mel
    phonemes = timed_phonemes(utterance.phonemes, len(pcm), round(rate))
    visemes = phoneme_posteriors(phonemes, len(log_mel))
    return Sample(log_mel, visemes, _state_rows(phonemes, len(log_mel)))


def _state_rows(phonemes: Sequence[Phoneme], rows: int) -> NDArray[np.int64]:
    states = np.full(rows, NO_STATE, np.int64)
    for phoneme in phonemes:
        phones = _phones_of(phoneme.ipa)
        start = phoneme.start_s
        for phone, share in zip(phones, shares(len(phones)), strict=True):
            end = start + share * (phoneme.end_s - phoneme.start_s)
            edges = np.round(np.linspace(start, end, 4) * RATE_HZ).astype(int)
            for third in range(3):
                states[edges[third] : edges[third + 1]] = 3 * phone + third
            start = end
    return states


def _phones_of(ipa: str) -> list[int]:
    letters = unicodedata.normalize("NFD", ipa).strip("ˈˌː")
    if letters in PHONE_INDEX:
        return [PHONE_INDEX[letters]]
    return [PHONE_INDEX[letter] for letter in letters if letter in PHONE_INDEX]
