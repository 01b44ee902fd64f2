import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.script.plain import count_words, plain


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("Plain words stay.", "Plain words stay."),
        ("**Bold**, *slanted* and __both__.", "Bold, slanted and both."),
        ("See [the page](https://example.org/a_b).", "See the page."),
        ("# Title\n\nText.", "Title\nText."),
        ("- one\n- two\n3. three", "one\ntwo\nthree"),
        ("[Upbeat music] Hello (laughs softly) there *pauses* you.", "Hello there you."),
        ("Host: Hello.\nNarrator: Bye.", "Hello.\nBye."),
        ("It costs five (5) coins.", "It costs five (5) coins."),
        ("Snake_case and 2 * 3 * 4 stay.", "Snake_case and 2 * 3 * 4 stay."),
        ('"Quoted as a whole."', "Quoted as a whole."),
        ('"This" and "that"', '"This" and "that"'),
        ("```\nHello.\n```", "Hello."),
        ("---\nHello.\n***", "Hello."),
        ("Hello 👋🏽 world ☀️!", "Hello world!"),
        ("مرحبا بكم", "مرحبا بكم"),
    ],
)
def test_only_spoken_words_are_left(written: str, spoken: str) -> None:
    assert plain(written) == spoken


@given(st.text())
def test_any_text_ends_without_blank_lines(text: str) -> None:
    assert all(line == line.strip() and line for line in plain(text).split("\n") if plain(text))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 0),
        ("— … !", 0),
        ("Don't stop.", 2),
        ("A well-known 3.5 % rise", 4),
        ("今天天气很好。", 6),
        ("Привет, мир", 2),
    ],
)
def test_words_are_counted(text: str, words: int) -> None:
    assert count_words(text) == words
