from pathlib import Path

import pytest

from cli.requests import background_of, request_of, speech_of, text_of
from models.contracts import (
    BackgroundKind,
    Label,
    LabelPosition,
    RecordedSpeech,
    ScriptSpeech,
    TopicSpeech,
)
from models.errors import InvalidRequest, ScriptTooLong


def test_each_way_of_speaking_has_its_request() -> None:
    assert isinstance(speech_of("Hello", None, None), ScriptSpeech)
    assert isinstance(speech_of(None, "a.wav", None), RecordedSpeech)
    assert isinstance(speech_of(None, None, "Bees"), TopicSpeech)


def test_options_reach_the_request() -> None:
    assert speech_of("Hello", None, None, voice="de", rate=1.2) == ScriptSpeech(
        script="Hello", voice="de", rate=1.2
    )


def test_none_and_two_ways_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="nothing says what to speak"):
        speech_of(None, None, None)
    with pytest.raises(InvalidRequest, match="--script and --topic are both there"):
        speech_of("Hello", None, "Bees")


def test_an_option_of_another_way_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="--voice does not go with --audio"):
        speech_of(None, "a.wav", None, voice="de")
    with pytest.raises(InvalidRequest, match="--duration does not go with --script"):
        speech_of("Hello", None, None, duration_s=9)


def test_text_comes_from_a_file_after_an_at_sign(tmp_path: Path) -> None:
    file = tmp_path / "script.txt"
    file.write_bytes("\ufeffGrüß Gott".encode())
    assert text_of(f"@{file}") == "Grüß Gott"
    assert text_of("me@home") == "me@home"


@pytest.mark.parametrize(
    ("content", "error"),
    [(b"\xff\xfe\x00", InvalidRequest), (b"a\0b", InvalidRequest), (b"a" * 200_000, ScriptTooLong)],
)
def test_what_is_no_script_is_refused(
    tmp_path: Path, content: bytes, error: type[Exception]
) -> None:
    file = tmp_path / "script.txt"
    file.write_bytes(content)
    with pytest.raises(error, match=r"script\.txt"):
        text_of(f"@{file}")


def test_a_background_is_told_by_its_text(tmp_path: Path) -> None:
    picture = tmp_path / "beach.png"
    picture.touch()
    assert background_of("blur").kind is BackgroundKind.BLUR
    assert background_of("#204060").colour == "#204060"
    assert background_of(str(picture)).picture == str(picture)
    with pytest.raises(InvalidRequest, match="no picture file"):
        background_of("beech.png")


def test_a_label_has_its_words_and_its_corner() -> None:
    made = request_of("p.png", "o.mp4", script="Hi", label="AI", label_position="top-right")
    assert made.look.label == Label(text="AI", position=LabelPosition.TOP_RIGHT)
    assert request_of("p.png", "o.mp4", script="Hi").look.label is None


def test_a_label_under_burned_captions_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="use top-left or top-right"):
        request_of(
            "p.png",
            "o.mp4",
            script="Hi",
            captions="burned",
            label="A",
            label_position="bottom-left",
        )
