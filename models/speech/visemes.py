"""Fifteen mouth shapes, and which of them each IPA symbol is.

Symbols of one phoneme event share its time: a diphthong's first vowel takes 55 %, the rest 45 %.
Stress, tone and length marks carry no shape.
"""

import unicodedata
from collections.abc import Sequence

import numpy as np

from models.arrays import F32
from models.media.waveform import Phoneme

VISEMES = (
    "sil", "PP", "FF", "TH", "DD", "SS", "CH", "KK", "RR", "WW", "AA", "EE", "IY", "OO", "UU",
)  # fmt: skip
RATE_HZ = 100
_INDEX = {name: index for index, name in enumerate(VISEMES)}

# Some of the engine's languages name phonemes in its own ASCII instead of IPA: S, Z, A, X, ?.
_SYMBOLS = {
    "PP": "p b m ɓ ɸ β ʙ ʘ",
    "FF": "f v ʋ ɱ ⱱ",
    "TH": "θ ð",
    "DD": "t d n l ɾ ɫ ʈ ɖ ɳ ɭ ɽ ɬ ɮ ɗ ɺ ȵ",
    "SS": "s z ʦ ʣ",
    "CH": "ʃ ʒ ʂ ʐ ɕ ʑ ɧ S Z ʧ ʤ",
    "KK": "k g ɡ ŋ x ɣ h q χ ʁ ʔ ɲ c ɟ ç ʎ ɦ ħ ʕ ɢ ɴ ʟ ɠ ʛ ʝ ʜ ʢ ɰ ʄ X ?",
    "RR": "r ɹ ɻ ɚ ɝ ʀ",
    "WW": "w ʍ ɥ",
    "AA": "a ɑ ʌ æ ɐ ɒ ɶ A",
    "EE": "ɛ e ə ɜ œ ɵ ɤ ɞ ɘ ε",
    "IY": "i ɪ j ɨ ᵻ",
    "OO": "ɔ o",
    "UU": "u ʊ y ø ʏ ʉ ɯ ᵿ",
}
_VISEME_OF = {symbol: name for name, symbols in _SYMBOLS.items() for symbol in symbols.split()}
_FIRST_SHARE = 0.55
_SHORTEST_CLOSURE_S = 0.06


def visemes_of(ipa: str) -> tuple[str, ...]:
    """The mouth shapes of one phoneme in order, () where no symbol of it has one."""
    shapes: list[str] = []
    for symbol in unicodedata.normalize("NFD", ipa):
        shape = _VISEME_OF.get(symbol)
        if shape and (not shapes or shapes[-1] != shape):
            shapes.append(shape)
    return _affricates_joined(tuple(shapes))


def _affricates_joined(shapes: tuple[str, ...]) -> tuple[str, ...]:
    """A stop released into a fricative has the fricative's mouth: tʃ is CH, ts is SS."""
    if len(shapes) > 1 and shapes[0] == "DD" and shapes[1] in ("SS", "CH"):
        return shapes[1:]
    return shapes


def timed_visemes(phonemes: Sequence[Phoneme]) -> list[tuple[int, float, float]]:
    """(viseme index, start_s, end_s) in order, every lip closure at least 60 ms long."""
    spans: list[tuple[int, float, float]] = []
    for phoneme in phonemes:
        shapes = visemes_of(phoneme.ipa) or ("sil",)
        start = phoneme.start_s
        for shape, share in zip(shapes, shares(len(shapes)), strict=True):
            end = start + share * (phoneme.end_s - phoneme.start_s)
            spans.append((_INDEX[shape], start, end))
            start = end
    return _with_whole_closures(spans)


def _with_whole_closures(
    spans: list[tuple[int, float, float]],
) -> list[tuple[int, float, float]]:
    """Short /p b m/ start earlier, at most in the middle of what is before: lips close early."""
    whole = spans[:1]
    for index, start, end in spans[1:]:
        missing = _SHORTEST_CLOSURE_S - (end - start)
        if index == _INDEX["PP"] and missing > 0:
            before, before_start, before_end = whole[-1]
            start = max(start - missing, (before_start + before_end) / 2)
            whole[-1] = (before, before_start, start)
        whole.append((index, start, end))
    return whole


def shares(count: int) -> list[float]:
    """How the symbols of one phoneme share its time."""
    if count < 2:
        return [1.0] * count
    return [_FIRST_SHARE] + [(1 - _FIRST_SHARE) / (count - 1)] * (count - 1)


def phoneme_posteriors(phonemes: Sequence[Phoneme], frames: int) -> F32:
    """(frames, 15) at 100 Hz: each row the share of its 10 ms every shape has; sums to one.

    Row k covers k/100 .. (k+1)/100 s. Time outside the phonemes is silence.
    """
    rows = np.zeros((frames, len(VISEMES)), np.float32)
    for index, start_s, end_s in timed_visemes(phonemes):
        _add_span(rows[:, index], start_s * RATE_HZ, end_s * RATE_HZ)
    rows[:, 0] += np.maximum(0, 1 - rows.sum(axis=1))
    normalised: F32 = rows / rows.sum(axis=1, keepdims=True)
    return normalised


def _add_span(column: F32, start: float, end: float) -> None:
    """Adds the overlap of start..end, in rows, to each row it touches."""
    first, last = max(int(start), 0), min(int(np.ceil(end)), len(column))
    if last <= first:
        return
    edges = np.arange(first, last, dtype=np.float64)
    overlap = np.minimum(edges + 1, end) - np.maximum(edges, start)
    column[first:last] += np.maximum(overlap, 0).astype(np.float32)
