import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.media.captions import Cue, make_cues, srt, vtt, width, write_text
from models.media.waveform import Word

WORD_S = 0.3


def said(text: str, word_s: float = WORD_S, pause_s: float = 0.05) -> list[Word]:
    """The words of a text one after the other, from 0.5 s on."""
    words, at = [], 0.5
    for word in text.split():
        words.append(Word(word, at, at + word_s))
        at += word_s + pause_s
    return words


def lines_of(text: str, columns: int = 42) -> list[tuple[str, ...]]:
    words = said(text)
    return [cue.lines for cue in make_cues(words, words[-1].end_s + 1, columns)]


@st.composite
def speeches(draw: st.DrawFn) -> tuple[list[Word], float]:
    letters = st.characters(categories=["L", "N", "P", "S"], exclude_characters="\u00ad")
    texts = draw(st.lists(st.text(letters, min_size=1, max_size=60), min_size=1, max_size=40))
    words, at = [], draw(st.floats(0, 3))
    for text in texts:
        length, pause = draw(st.floats(0.02, 1.5)), draw(st.floats(0, 2))
        words.append(Word(text, at, at + length))
        at += length + pause
    return words, at + draw(st.floats(0, 2))


@given(speeches(), st.sampled_from([26, 32, 42]))
def test_cues_can_always_be_shown(speech: tuple[list[Word], float], columns: int) -> None:
    words, duration_s = speech
    cues = make_cues(words, duration_s, columns)
    for cue in cues:
        assert 1 <= len(cue.lines) <= 2
        assert all(0 < width(line) <= columns for line in cue.lines)
        assert 0 < cue.end_s - cue.start_s <= 7.0001
    assert all(cue.end_s <= after.start_s for cue, after in pairwise(cues))


@given(speeches())
def test_no_letter_is_lost(speech: tuple[list[Word], float]) -> None:
    words, duration_s = speech
    shown = "".join("".join(cue.lines) for cue in make_cues(words, duration_s))
    spoken = "".join(word.text for word in words)
    assert re.sub(r"\s", "", shown) == re.sub(r"\s", "", spoken)


@given(speeches())
def test_a_cue_is_up_when_its_first_word_is_said(speech: tuple[list[Word], float]) -> None:
    words, duration_s = speech
    starts = [word.start_s for word in words]
    for cue in make_cues(words, duration_s):
        assert min(starts) <= cue.start_s <= max(word.end_s for word in words) + 5


def test_no_words_no_cues() -> None:
    assert make_cues([], 10.0) == ()


def test_cues_end_with_sentences() -> None:
    assert lines_of("Good morning to you all. Today we talk about captions. Let us begin now.") == [
        ("Good morning to you all.",),
        ("Today we talk about captions.",),
        ("Let us begin now.",),
    ]


def test_long_sentences_break_at_clauses() -> None:
    first, second = lines_of(
        "When the wind had gone down at last over the wide grey sea in the evening, "
        "we took the small boat out again and rowed to the island."
    )
    assert first[-1].endswith("evening,")
    assert second[0].startswith("we took")


def test_lines_are_even() -> None:
    ((above, below),) = lines_of("this line has to be broken somewhere near its middle if possible")
    assert abs(width(above) - width(below)) < 10


def test_a_pause_is_a_good_place_to_break() -> None:
    words = [*said("one two three four five six seven"), Word("eight", 9.0, 9.3)]
    assert [cue.lines for cue in make_cues(words, 12.0)][-1] == ("eight",)


def test_a_cue_stays_long_enough_to_read() -> None:
    words = said("This sentence was said in no time at all.", word_s=0.05, pause_s=0.01)
    (cue,) = make_cues(words, 10.0)
    assert cue.end_s - cue.start_s == pytest.approx(41 / 17, abs=0.01)


def test_the_last_cue_ends_with_the_video() -> None:
    words = said("Bye.")
    assert make_cues(words, words[-1].end_s + 0.1)[-1].end_s == words[-1].end_s + 0.1


def test_chinese_is_written_without_spaces_and_counted_double() -> None:
    words = [
        Word(letter, i * 0.2, i * 0.2 + 0.2) for i, letter in enumerate("今天天气很好我们去公园")
    ]
    ((above, below),) = (cue.lines for cue in make_cues(words, 5.0, columns=12))
    assert above + below == "今天天气很好我们去公园"
    assert width(above) <= 12


def test_a_word_longer_than_a_line_is_cut() -> None:
    lines = [line for cue in lines_of("x" * 100) for line in cue]
    assert [len(line) for line in lines] == [42, 42, 16]


CUES = (Cue(0.0, 1.5, ("Fish & chips", "<3")), Cue(3_661.25, 3_663.0, ("a --> b",)))


def test_subrip() -> None:
    assert srt(CUES) == (
        "1\n00:00:00,000 --> 00:00:01,500\nFish & chips\n<3\n\n"
        "2\n01:01:01,250 --> 01:01:03,000\na → b\n\n"
    )


def test_webvtt() -> None:
    assert vtt(CUES) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nFish &amp; chips\n&lt;3\n\n"
        "01:01:01.250 --> 01:01:03.000\na --&gt; b\n\n"
    )


def test_files_are_plain_utf_8(tmp_path: Path) -> None:
    write_text(srt((Cue(0, 1, ("שלום עולם", "مرحبا")),)), tmp_path / "a.srt")
    content = (tmp_path / "a.srt").read_bytes()
    assert content.startswith(b"1\n")
    assert "שלום עולם\nمرحبا" in content.decode("utf-8")
