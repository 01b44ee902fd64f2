import pytest

from models.speech.pace import PASSAGES, count_words, passage


@pytest.mark.parametrize(
    ("text", "count"),
    [("one two three", 3), ("one — two", 2), ("你好世界", 4), ("", 0), ("नमस्ते दुनिया।", 2)],
)
def test_words_are_counted_as_a_reader_would(text: str, count: int) -> None:
    assert count_words(text) == count


def test_a_language_without_a_passage_gets_english() -> None:
    assert passage("en-us") == PASSAGES["en"] == passage("mi")
    assert passage("pt-br") == PASSAGES["pt"]
