import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import EmptyScript, ScriptTooLong
from models.speech.sentences import (
    MAX_SENTENCE_CHARS,
    PARAGRAPH_PAUSE_S,
    SENTENCE_PAUSE_S,
    sentences,
    spoken_text,
)


def texts(script: str) -> list[str]:
    return [sentence.text for sentence in sentences(script)]


@pytest.mark.parametrize(
    ("script", "count"),
    [
        ("One. Two! Three? Four… Five", 5),
        ("He said “Stop.” Then he left.", 2),
        ("Dr. Smith met Mr. J. R. Tolkien at St. Pancras at 3.30 p.m. today.", 1),
        ("It costs $3.50. Cheap.", 2),
        ("We sell nuts, bolts, etc. and more.", 1),
        ("Wait... what?", 1),
        ("Am 3. Oktober kam Hr. Müller, z.B. mit Brot. Danach ging er.", 2),
        ("M. Dupont est là. Mme. Curie aussi.", 2),
        ("¿Cómo estás? ¡Muy bien!", 2),
        ("你好。今天天气很好！你呢？", 3),
        ("今日は「はい。」と言った。終わり", 3),
        ("مرحبا بالعالم. كيف حالك؟ بخير", 3),
        ("שלום עולם. מה שלומך?", 2),
        ("नमस्ते दुनिया। आप कैसे हैं?", 2),
        ("Title\nThe text begins here.", 2),
        ("- first point\n- second point", 2),
        ("a line that was wrapped by its editor at\nsome width. Next.", 2),
    ],
)
def test_scripts_are_cut_at_their_sentences(script: str, count: int) -> None:
    assert len(texts(script)) == count, texts(script)


def test_paragraphs_are_followed_by_longer_pauses() -> None:
    pauses = [sentence.pause_s for sentence in sentences("One. Two.\n\nThree.\r\n\r\nFour.")]
    assert pauses == [SENTENCE_PAUSE_S, PARAGRAPH_PAUSE_S, PARAGRAPH_PAUSE_S, PARAGRAPH_PAUSE_S]


@pytest.mark.parametrize(
    "script", ["😀😀 🎉", "", " \n\t", "… — !?", "👩‍👩‍👧‍👦", "\u200f\u202e", "❤️"]
)
def test_nothing_to_say_is_refused_with_a_remedy(script: str) -> None:
    with pytest.raises(EmptyScript, match="write it in words"):
        sentences(script)


def test_a_script_over_the_limit_is_refused() -> None:
    with pytest.raises(ScriptTooLong, match="40001"):
        sentences("a" * 40_001)


def test_what_cannot_be_said_becomes_space_in_place() -> None:
    script = "Hi 😀\x00 there\ud800 <b>bold</b> \u202eend"
    spoken = spoken_text(script)
    assert spoken == "Hi    there  <b>bold</b>  end"
    assert len(spoken) == len(script)


def test_joiners_inside_words_stay() -> None:
    assert spoken_text("می\u200cخواهم") == "می\u200cخواهم"


@given(st.text(alphabet=st.sampled_from("ab .,!?\n。、é你א😀\u200d-"), max_size=900))
def test_every_letter_is_kept_once_in_order(script: str) -> None:
    if not any(letter.isalpha() for letter in script):
        return
    found = sentences(script)
    for sentence in found:
        assert script[sentence.start :].startswith(sentence.text)
        assert len(sentence.text) <= MAX_SENTENCE_CHARS
    kept = [letter for sentence in found for letter in sentence.text if letter.isalpha()]
    assert kept == [letter for letter in script if letter.isalpha()]


def test_a_text_without_any_stop_is_cut_between_words() -> None:
    pieces = texts("word " * 400)
    assert all(set(piece.split()) == {"word"} for piece in pieces)
    assert max(map(len, pieces)) <= MAX_SENTENCE_CHARS
