import pytest

from models.contracts import Look, PortraitSource, ScriptSpeech
from models.errors import EmptyScript, InvalidRequest, ScriptTooLong
from models.validation import made


def test_what_is_right_is_made() -> None:
    assert made(Look, resolution=256).resolution == 256


def test_the_field_and_the_value_are_named() -> None:
    with pytest.raises(InvalidRequest, match=r"^resolution cannot be '300': input should be 256"):
        made(Look, resolution=300)


def test_a_long_value_is_cut() -> None:
    with pytest.raises(InvalidRequest, match=r"x{60}…"):
        made(Look, aspect="x" * 500)


def test_a_missing_field_is_said() -> None:
    with pytest.raises(InvalidRequest, match="image is missing"):
        made(PortraitSource)


def test_scripts_have_errors_of_their_own() -> None:
    with pytest.raises(EmptyScript, match="the script is empty"):
        made(ScriptSpeech, script="  ")
    with pytest.raises(ScriptTooLong, match="40,001 characters"):
        made(ScriptSpeech, script="a" * 40_001)
