"""The engine's events as phonemes and words with times."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from models.media.waveform import Phoneme, Word
from models.speech.visemes import visemes_of

# Measured: the event of an unvoiced stop marks its burst; its silent closure is the 50 ms before.
_CLOSURE_S = 0.05
_MOST_OF_PREVIOUS = 0.45
_UNVOICED_STOP = re.compile(r"[ˈˌ]*(?:[ptkqcʈ]|t͡|ʔ)")
_TOKEN = re.compile(r"\S+")
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+"
)
_UNSPACED_CHARS = 8  # as much of an unspaced script as one caption word holds


def timed_phonemes(
    events: Sequence[tuple[int, str]], end: int, sample_rate_hz: int
) -> list[Phoneme]:
    """Phonemes from (first sample, IPA) events up to sample `end`; pauses are joined.

    Tones, lone modifiers and marks of a language switch, "(fr)", belong to the phoneme before.
    """
    starts: list[tuple[float, str]] = []
    for sample, ipa in events:
        if ipa.startswith("(") or (ipa and not visemes_of(ipa)):
            continue
        if not (starts and ipa == "" and starts[-1][1] == ""):
            starts.append((min(sample, end) / sample_rate_hz, ipa))
    starts = _with_closures(starts)
    stops = [start for start, _ in starts[1:]] + [end / sample_rate_hz]
    return [
        Phoneme(ipa, start, stop)
        for (start, ipa), stop in zip(starts, stops, strict=True)
        if stop > start
    ]


def _with_closures(starts: list[tuple[float, str]]) -> list[tuple[float, str]]:
    moved = starts[:1]
    for (before, _), (start, ipa) in pairwise(starts):
        if _UNVOICED_STOP.match(ipa):
            start -= min(_CLOSURE_S, _MOST_OF_PREVIOUS * (start - before))
        moved.append((start, ipa))
    return moved


def written_words(text: str) -> Iterator[tuple[int, str]]:
    """(first character, word) as written; unspaced scripts in pieces of a few characters."""
    for match in _TOKEN.finditer(text):
        token = match.group()
        if not _UNSPACED.search(token):
            yield match.start(), token
            continue
        for left in range(0, len(token), _UNSPACED_CHARS):
            yield match.start() + left, token[left : left + _UNSPACED_CHARS]


def timed_words(
    text: str,
    events: Sequence[tuple[int, int]],
    phonemes: Sequence[Phoneme],
    sample_rate_hz: int,
) -> list[Word]:
    """The words of `text` from (first sample, first character) events.

    A word without an event of its own, a dash say, goes with the word before it.
    """
    spans = list(written_words(text))
    starts: dict[int, float] = {}
    for sample, character in events:
        index = _index_of(spans, character)
        starts[index] = min(starts.get(index, float("inf")), sample / sample_rate_hz)
    heard = sorted(starts)
    words = []
    for index, following in zip(heard, [*heard[1:], len(spans)], strict=True):
        limit = starts.get(following, float("inf"))
        label = " ".join(word for _, word in spans[index:following])
        words.append(Word(label, starts[index], _end_of_speech(phonemes, starts[index], limit)))
    return words


def _index_of(spans: list[tuple[int, str]], character: int) -> int:
    index = 0
    while index + 1 < len(spans) and spans[index + 1][0] <= character:
        index += 1
    return index


def _end_of_speech(phonemes: Sequence[Phoneme], start: float, limit: float) -> float:
    ends = [
        min(phoneme.end_s, limit)
        for phoneme in phonemes
        if phoneme.ipa and phoneme.end_s > start and phoneme.start_s < limit
    ]
    return max(ends, default=start)
