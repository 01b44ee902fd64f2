from itertools import pairwise

import pytest

from models.media.waveform import Phoneme
from models.speech.phonemes import timed_phonemes, timed_words, written_words

RATE = 1000


def test_phonemes_follow_one_another_and_pauses_are_joined() -> None:
    phonemes = timed_phonemes([(0, "m"), (100, "a"), (300, ""), (350, ""), (400, "l")], 500, RATE)
    assert [phoneme.ipa for phoneme in phonemes] == ["m", "a", "", "l"]
    assert all(before.end_s == after.start_s for before, after in pairwise(phonemes))
    assert phonemes[-1].end_s == 0.5


@pytest.mark.parametrize("stop", ["p", "t", "k", "tʃ", "ˈp", "pʰ"])
def test_an_unvoiced_stop_begins_with_its_closure(stop: str) -> None:
    before, after = timed_phonemes([(0, "a"), (200, stop)], 300, RATE)
    assert before.end_s == after.start_s == pytest.approx(0.150)


def test_a_closure_leaves_most_of_a_short_phoneme_alone() -> None:
    before, _ = timed_phonemes([(0, "s"), (40, "p")], 100, RATE)
    assert before.end_s == pytest.approx(0.022)


def test_voiced_stops_stay_where_they_are() -> None:
    assert timed_phonemes([(0, "a"), (200, "b")], 300, RATE)[1].start_s == 0.2


def test_marks_without_a_sound_belong_to_the_phoneme_before() -> None:
    events = [(0, "(fr)"), (0, "p"), (80, "ʰ"), (120, "a"), (200, "1")]
    assert [phoneme.ipa for phoneme in timed_phonemes(events, 300, RATE)] == ["p", "a"]


def test_words_are_as_written_and_end_with_their_last_sound() -> None:
    text = "Hello, — world!"
    phonemes = [Phoneme("h", 0.1, 0.4), Phoneme("", 0.4, 0.6), Phoneme("w", 0.6, 0.9)]
    words = timed_words(text, [(100, 0), (600, 9)], phonemes, RATE)
    assert [(word.text, word.start_s, word.end_s) for word in words] == [
        ("Hello, —", 0.1, 0.4),
        ("world!", 0.6, 0.9),
    ]


def test_a_number_said_as_several_words_is_one() -> None:
    phonemes = [Phoneme("a", 0.0, 0.9)]
    words = timed_words("in 12:30 now", [(0, 0), (200, 3), (400, 6), (700, 9)], phonemes, RATE)
    assert [word.text for word in words] == ["in", "12:30", "now"]
    assert words[1].end_s == pytest.approx(0.7)


def test_unspaced_scripts_are_cut_into_short_pieces() -> None:
    pieces = [word for _, word in written_words("今天天气很好我们去公园散步吧 ok")]
    assert "".join(pieces[:-1]) == "今天天气很好我们去公园散步吧"
    assert max(map(len, pieces)) <= 8
    assert pieces[-1] == "ok"
