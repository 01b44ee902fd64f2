"""A language model's text made fit to be read aloud: words only."""

import re
import unicodedata

STAGE_WORDS = (
    "applau|beat|breath|camera|chuckl|cut to|fade|gestur|intro|laugh|lean|look|music|nod|outro|"
    "paus|point|sfx|sigh|silence|smil|sound|transition|turn|visual|voice ?over|wav"
)
FENCE = re.compile(r"^\s*```.*$", re.MULTILINE)
LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
BRACKETED = re.compile(r"\[[^\]]*\]")
STAGE_DIRECTION = re.compile(rf"\(\s*(?:{STAGE_WORDS})[^)]*\)|\*\s*(?:{STAGE_WORDS})[^*]*\*", re.I)
LINE_START = re.compile(r"^\s*(?:#{1,6}\s+|[-*•]\s+|>\s*|\d{1,2}[.)]\s+)", re.MULTILINE)
RULE = re.compile(r"^\s*(?:[-*_]\s*){3,}$", re.MULTILINE)
SPEAKER = re.compile(r"^\W*(?:narrator|host|presenter|speaker|voice ?over)\W*:\W*", re.M | re.I)
EMPHASIS = re.compile(r"(\*{1,3}|_{1,3}|`+|~~)(?=\S)(.+?)(?<=\S)\1")
SPACES = re.compile(r"[^\S\n]+")
EMOJI_PARTS = "\ufe0f\u20e3\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff"
WORD = re.compile(r"[^\W_]+(?:['’.,\-][^\W_]+)*")
QUOTES = (('"', '"'), ("“", "”"), ("'", "'"), ("«", "»"))
SPACELESS = ("CJK", "HIRAGANA", "KATAKANA", "THAI")


def plain(text: str) -> str:
    """Without markdown, stage directions, speaker labels and emoji; one line a paragraph."""
    for pattern in (FENCE, RULE):
        text = pattern.sub("", text)
    text = LINK.sub(r"\1", text)
    for pattern in (STAGE_DIRECTION, BRACKETED, LINE_START, SPEAKER):
        text = pattern.sub("", text)
    text = EMPHASIS.sub(r"\2", text)
    text = "".join(letter for letter in text if not _is_picture(letter))
    lines = (re.sub(r" ([,.;!?])", r"\1", SPACES.sub(" ", it).strip()) for it in text.splitlines())
    return _unquoted("\n".join(line for line in lines if line))


def count_words(text: str) -> int:
    """Words as a speaking rate counts them; in scripts without spaces every letter is one."""
    return sum(
        len(word) if unicodedata.name(word[0], "").startswith(SPACELESS) else 1
        for word in WORD.findall(text)
    )


def _is_picture(letter: str) -> bool:
    return unicodedata.category(letter) == "So" or letter in EMOJI_PARTS


def _unquoted(text: str) -> str:
    for opening, closing in QUOTES:
        inner = text[1:-1]
        whole = len(text) > 1 and text[0] == opening and text[-1] == closing
        if whole and opening not in inner and closing not in inner:
            return inner.strip()
    return text
