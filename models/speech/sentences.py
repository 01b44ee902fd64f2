"""A script cut into sentences, in any script of the world, with the pauses between them.

Cutting is cautious: a sentence that stays whole costs nothing, because the engine pauses at its
inner stops; one cut after "Dr." is heard.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from models.errors import EmptyScript, ScriptTooLong

MAX_SENTENCE_CHARS = 400
SENTENCE_PAUSE_S = 0.38
PARAGRAPH_PAUSE_S = 0.75

_CLOSERS = "\"'”’»›）)]}」』】》"
_WESTERN_STOP = re.compile(rf"[.!?…؟۔।॥።፧։។၊။]+[{re.escape(_CLOSERS)}]*(?=\s|$)")
_EASTERN_STOP = re.compile(rf"[。！？｡]+[{re.escape(_CLOSERS)}]*")
_PARAGRAPH = re.compile(r"(?:\r\n|\r|\n)[ \t\r\n]*(?:\r\n|\r|\n)|\u2029")
_LINE = re.compile(r"[ \t]*(?:\r\n|\r|\n)[ \t]*")
_BULLET = re.compile(r"[-*•‣–—]\s|\(?\d{1,3}[.)]\s|#+\s")
_SHORT_LINE_CHARS = 40
_CLAUSE_STOP = re.compile(r"[,;:،؛、，；：]\s*|\s[–—-]\s")
_LAST_WORD = re.compile(r"([^\s(\[\"'“‘«]+)$")
_INITIALS = re.compile(r"(?:\w\.)*\w")
_ABBREVIATION = re.compile(
    # English
    "mrs?|ms|dr|prof|rev|gen|sen|rep|gov|capt|lt|col|sgt|st|mt|ave|blvd|rd|jr|sr|vs|etc|approx"
    "|inc|ltd|corp|dept|est|figs?|nos|vol|pp?|eds?|cf|ca|jan|feb|apr|jun|jul|aug|sept?|oct|nov"
    # German, Dutch, Scandinavian
    "|bzw|usw|nr|str|hr|fr|frl|vgl|evtl|ggf|inkl|zzgl|bspw|sog|abs|dipl|ing|dhr|mevr|bijv|kl|osv"
    # Romance
    "|mme|mlle|sra|srta|uds?|vds?|pág|av|dña|sig|sigra|dott|ecc|dra|exmo"
    # Slavic
    "|т|г|ул|им|др|пр|стр|рис|np|itd|itp|tzn|tzv|atd"
)
_JOINERS = "\u200c\u200d\u00ad"
_EMOJI_PARTS = re.compile(r"[\ufe0e\ufe0f\u20e3\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]")


@dataclass(frozen=True)
class Sentence:
    text: str  # as written
    start: int  # its first character's place in the script
    pause_s: float  # silence after it


def spoken_text(text: str) -> str:
    """The text as the engine may read it, character for character: what can't be said is a space.

    Emoji, control and bidirectional marks and lone surrogates go; markup stays and is read.
    """
    return "".join(character if _sayable(character) else " " for character in text)


def sentences(script: str, max_chars: int = 40_000) -> list[Sentence]:
    """Raises EmptyScript where nothing can be said, ScriptTooLong above `max_chars`."""
    if len(script) > max_chars:
        raise ScriptTooLong(
            f"the script has {len(script)} characters: cut it to {max_chars} or make several videos"
        )
    found = [
        sentence
        for start, stop in _paragraphs(script)
        for sentence in _of_paragraph(script, start, stop)
    ]
    if not found:
        shown = " ".join(script.split())[:40]
        raise EmptyScript(f"nothing in the script {shown!r} can be spoken: write it in words")
    return found


def _sayable(character: str) -> bool:
    if character in _JOINERS:
        return True
    if _EMOJI_PARTS.match(character):
        return False
    category = unicodedata.category(character)
    return category[0] != "C" and (category != "So" or ord(character) < 0x2190)


def _has_words(text: str) -> bool:
    return any(unicodedata.category(character)[0] in "LN" for character in text)


def _paragraphs(script: str) -> Iterator[tuple[int, int]]:
    start = 0
    for match in _PARAGRAPH.finditer(script):
        yield start, match.start()
        start = match.end()
    yield start, len(script)


def _of_paragraph(script: str, start: int, stop: int) -> list[Sentence]:
    ends = [*sorted(_stops(script, start, stop) | _line_ends(script, start, stop)), stop]
    found: list[Sentence] = []
    for end in ends:
        pieces = list(_pieces(script, start, end))
        for index, (left, right) in enumerate(pieces):
            pause = SENTENCE_PAUSE_S if index == len(pieces) - 1 else 0.0
            found.append(Sentence(script[left:right], left, pause))
        start = end
    if found:
        found[-1] = Sentence(found[-1].text, found[-1].start, PARAGRAPH_PAUSE_S)
    return found


def _stops(script: str, start: int, stop: int) -> set[int]:
    """Ends of sentences by their punctuation."""
    ends = {match.end() for match in _EASTERN_STOP.finditer(script, start, stop)}
    for match in _WESTERN_STOP.finditer(script, start, stop):
        if not _goes_on(script[start : match.start()], match.group(), script[match.end() : stop]):
            ends.add(match.end())
    return ends


def _goes_on(before: str, mark: str, after: str) -> bool:
    """Whether the full stop belongs to an abbreviation, an initial or a number."""
    if mark[0] not in ".…":
        return False
    following = after.lstrip()[:1]
    if following.islower():
        return True
    last = _LAST_WORD.search(before)
    if mark != "." or last is None:
        return False
    word = last.group(1).casefold()
    is_ordinal = word.isdigit() and len(word) <= 2
    return is_ordinal or any(shape.fullmatch(word) for shape in (_ABBREVIATION, _INITIALS))


def _line_ends(script: str, start: int, stop: int) -> set[int]:
    """Line breaks that end a thought: before a bullet, or after a title or a verse."""
    ends = set()
    line = start
    for match in _LINE.finditer(script, start, stop):
        following = script[match.end() : match.end() + 6]
        is_short = match.start() - line <= _SHORT_LINE_CHARS
        if _BULLET.match(following) or (is_short and following[:1].isupper()):
            ends.add(match.start())
        line = match.end()
    return ends


def _pieces(script: str, start: int, stop: int) -> Iterator[tuple[int, int]]:
    """A sentence without its margins, cut at clauses or spaces where it is too long to hold."""
    while stop - start > MAX_SENTENCE_CHARS:
        cut = _cut(script, start)
        yield from _trimmed(script, start, cut)
        start = cut
    yield from _trimmed(script, start, stop)


def _cut(script: str, start: int) -> int:
    window = script[start : start + MAX_SENTENCE_CHARS]
    clauses = [match.end() for match in _CLAUSE_STOP.finditer(window)]
    if clauses and clauses[-1] > MAX_SENTENCE_CHARS // 3:
        return start + clauses[-1]
    space = max(window.rfind(" "), window.rfind("\n"))
    return start + (space if space > 0 else MAX_SENTENCE_CHARS)


def _trimmed(script: str, start: int, stop: int) -> Iterator[tuple[int, int]]:
    text = script[start:stop]
    left = start + len(text) - len(text.lstrip())
    right = stop - (len(text) - len(text.rstrip()))
    if right > left and _has_words(spoken_text(script[left:right])):
        yield left, right
