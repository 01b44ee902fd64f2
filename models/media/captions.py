"""Timed words into captions: cues that people can read, as SRT and WebVTT."""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from pathlib import Path

from models.media.files import replacing, writing_to
from models.media.waveform import Word

COLUMNS = 42
MAX_S, MIN_S, LINGER_S = 7.0, 1.0, 0.3
CHARS_A_SECOND = 17.0  # as the BBC and Netflix ask for
SENTENCE_ENDS, CLAUSE_ENDS = ".!?…。！？؟।", ",;:—–،؛、，；："
CLOSING = "\"'”’»)]』」"
WITHOUT_SPACES = ("CJK", "HIRAGANA", "KATAKANA", "IDEOGRAPHIC", "FULLWIDTH", "THAI", "LAO")
PAUSE_S = 0.35
LEAST_S = 0.05


@dataclass(frozen=True)
class Cue:
    """One caption; it is shown from start to end, and cues do not overlap."""

    start_s: float
    end_s: float
    lines: tuple[str, ...]  # one or two


def make_cues(words: Sequence[Word], duration_s: float, columns: int = COLUMNS) -> tuple[Cue, ...]:
    """The words as cues of at most two lines, the breaks where they cost a reader least.

    Wide letters (Chinese, Japanese, Korean) take two columns.
    """
    pieces = [piece for word in words for piece in _pieces(word, columns)]
    spans = _best_spans(pieces, columns)
    starts = [pieces[first].start_s for first, _ in spans]
    cues: list[Cue] = []
    for index, (first, stop) in enumerate(spans):
        start = max(starts[index], cues[-1].end_s if cues else 0.0)
        follows = starts[index + 1] if index + 1 < len(spans) else duration_s
        text = _joined(pieces[first:stop])
        end = min(_unhurried_end(start, pieces[stop - 1].end_s, text), max(follows, start))
        lines = _lines(pieces[first:stop], columns) or (text,)
        cues.append(Cue(start, max(end, start + LEAST_S), lines))
    return tuple(cues)


def _unhurried_end(start: float, spoken_until: float, text: str) -> float:
    readable = start + max(MIN_S, len(text) / CHARS_A_SECOND)
    return min(max(spoken_until + LINGER_S, readable), start + MAX_S)


def _pieces(word: Word, columns: int) -> Iterator[Word]:
    """The word, cut up where it is too long for a line; its time goes by its letters."""
    text = "".join(letter for letter in word.text if letter.isprintable()).strip()
    chunks = list(_chunks(text, columns))
    begin, letter_s = word.start_s, (word.end_s - word.start_s) / max(1, len(text))
    for chunk in chunks:
        yield Word(chunk, begin, begin + len(chunk) * letter_s)
        begin += len(chunk) * letter_s


def _chunks(text: str, columns: int) -> Iterator[str]:
    chunk = ""
    for letter in text:
        if width(chunk + letter) > columns:
            yield chunk
            chunk = ""
        chunk += letter
    if chunk:
        yield chunk


def width(text: str) -> int:
    """Columns: 2 for wide letters, 0 for marks that sit on another letter."""
    return sum(
        2 if unicodedata.east_asian_width(letter) in "WF" else not unicodedata.combining(letter)
        for letter in text
    )


def _joined(words: Sequence[Word]) -> str:
    text = words[0].text
    for before, word in pairwise(words):
        text += "" if _spaceless(before.text[-1]) and _spaceless(word.text[0]) else " "
        text += word.text
    return text


def _spaceless(letter: str) -> bool:
    return unicodedata.name(letter, "").startswith(WITHOUT_SPACES)


def _best_spans(words: Sequence[Word], columns: int) -> list[tuple[int, int]]:
    """(first, stop) of each cue: the cheapest way to cut the words, by dynamic programming."""
    cheapest = [0.0] + [float("inf")] * len(words)
    cut_before = [0] * (len(words) + 1)
    for stop in range(1, len(words) + 1):
        for first in range(stop - 1, -1, -1):
            if first < stop - 1 and not _fits(words[first:stop], columns):
                break
            price = cheapest[first] + _price(words, first, stop)
            if price < cheapest[stop]:
                cheapest[stop], cut_before[stop] = price, first
    spans, stop = [], len(words)
    while stop:
        spans.append((cut_before[stop], stop))
        stop = cut_before[stop]
    return spans[::-1]


def _fits(words: Sequence[Word], columns: int) -> bool:
    return words[-1].end_s - words[0].start_s <= MAX_S and bool(_lines(words, columns))


def _price(words: Sequence[Word], first: int, stop: int) -> float:
    """How much a reader minds the cue words[first:stop]."""
    cue, after = words[first:stop], words[stop] if stop < len(words) else None
    start, last = cue[0].start_s, cue[-1]
    # nothing hurries the last cue
    until = max(last.end_s + LINGER_S, start + MIN_S) if after is None else after.start_s
    shown = max(min(until - start, MAX_S), LEAST_S)
    hurried = max(0.0, len(_joined(cue)) / shown / CHARS_A_SECOND - 1)
    short = max(0.0, MIN_S - shown) / MIN_S
    inner = sum(_ends(word.text, SENTENCE_ENDS) for word in cue[:-1])
    early = sum(max(0.0, word.start_s - before.end_s - PAUSE_S) for before, word in pairwise(cue))
    return 1.0 + 3 * hurried + 8 * short + 2 * inner + 1.5 * early + _break_price(last, after)


def _break_price(last: Word, after: Word | None) -> float:
    if after is None or _ends(last.text, SENTENCE_ENDS):
        return 0.0
    price = 1.0 if _ends(last.text, CLAUSE_ENDS) else 3.0
    return price / 2 if after.start_s - last.end_s > PAUSE_S else price


def _ends(text: str, marks: str) -> bool:
    return text.rstrip(CLOSING).endswith(tuple(marks))


def _lines(words: Sequence[Word], columns: int) -> tuple[str, ...]:
    """One line or the most even two, after punctuation if that is nearly as even; () if neither."""
    whole = _joined(words)
    if width(whole) <= columns:
        return (whole,)
    halves = []
    for cut in range(1, len(words)):
        above, below = _joined(words[:cut]), _joined(words[cut:])
        if max(width(above), width(below)) <= columns:
            bonus = 8 if _ends(above, SENTENCE_ENDS + CLAUSE_ENDS) else 0
            halves.append((abs(width(above) - width(below)) - bonus, (above, below)))
    return min(halves)[1] if halves else ()


def srt(cues: Iterable[Cue]) -> str:
    """SubRip. It has no escapes, so an arrow in the text, which would end it, becomes "→"."""
    blocks = (
        f"{number}\n{_clock(cue.start_s, ',')} --> {_clock(cue.end_s, ',')}\n"
        + "\n".join(cue.lines).replace("-->", "→")
        for number, cue in enumerate(cues, 1)
    )
    return "".join(f"{block}\n\n" for block in blocks)


def vtt(cues: Iterable[Cue]) -> str:
    """WebVTT."""
    blocks = (
        f"{_clock(cue.start_s, '.')} --> {_clock(cue.end_s, '.')}\n"
        + escape("\n".join(cue.lines), quote=False)
        for cue in cues
    )
    return "WEBVTT\n\n" + "".join(f"{block}\n\n" for block in blocks)


def write_text(text: str, path: Path) -> None:
    """UTF-8 without a byte order mark, whole or not at all. Raises DiskFull, OutputNotWritable."""
    with replacing(path) as part, writing_to(path):
        part.write_text(text, encoding="utf-8", newline="\n")


def _clock(seconds: float, mark: str) -> str:
    milliseconds = round(seconds * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    return (
        f"{minutes // 60:02}:{minutes % 60:02}:"
        f"{milliseconds // 1000:02}{mark}{milliseconds % 1000:03}"
    )
