from fractions import Fraction

import pytest
from pydantic import ValidationError

from models.contracts import (
    Aspect,
    Background,
    BackgroundKind,
    Check,
    FrameRate,
    Look,
    PortraitSource,
    QualityReport,
    RecordedSpeech,
    ScriptSpeech,
    TopicSpeech,
    VideoRequest,
)


def request(**changes: object) -> VideoRequest:
    given: dict[str, object] = {"portrait": {"image": "a.jpg"}, "speech": {"script": "Hello"}}
    return VideoRequest.model_validate(given | changes)


@pytest.mark.parametrize(
    ("speech", "kind"),
    [
        ({"script": "Hello"}, ScriptSpeech),
        ({"audio": "a.wav"}, RecordedSpeech),
        ({"topic": "Bees"}, TopicSpeech),
    ],
)
def test_speech_is_told_by_its_fields(speech: dict[str, str], kind: type) -> None:
    assert isinstance(request(speech=speech).speech, kind)


def test_two_ways_of_speaking_at_once_are_refused() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        request(speech={"script": "Hello", "audio": "a.wav"})


def test_a_request_comes_back_from_its_json_unchanged() -> None:
    made = request(look={"fps": "29.97", "aspect": "9:16"})
    assert VideoRequest.model_validate_json(made.model_dump_json()) == made


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(ValidationError, match="colour"):
        request(colour="red")


def test_a_request_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        request().renderer = "mesh"


@pytest.mark.parametrize(
    ("resolution", "aspect", "size"),
    [
        (512, "1:1", (512, 512)),
        (256, "16:9", (456, 256)),
        (720, "9:16", (720, 1280)),
        (1080, "16:9", (1920, 1080)),
    ],
)
def test_the_frame_size_follows_short_side_and_aspect(
    resolution: int, aspect: str, size: tuple[int, int]
) -> None:
    look = Look(resolution=resolution, aspect=Aspect(aspect))  # type: ignore[arg-type]
    assert look.size == size


def test_every_frame_size_is_even() -> None:
    sizes = [
        Look(resolution=resolution, aspect=aspect).size
        for resolution in (256, 512, 720, 1080)
        for aspect in Aspect
    ]
    assert all(side % 2 == 0 for size in sizes for side in size)


def test_ntsc_is_a_rational() -> None:
    assert FrameRate.NTSC.rational == Fraction(30_000, 1001)


@pytest.mark.parametrize(
    "background",
    [
        {"kind": "colour"},
        {"kind": "picture"},
        {"kind": "original", "colour": "#ffffff"},
        {"kind": "colour", "colour": "red"},
        {"kind": "blur", "picture": "a.png"},
    ],
)
def test_a_background_and_its_value_go_together(background: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Background.model_validate(background)


def test_the_default_background_is_the_photo_s_own() -> None:
    assert Background().kind is BackgroundKind.ORIGINAL


@pytest.mark.parametrize("seed", [-1, 2**31])
def test_a_seed_out_of_range_is_refused(seed: int) -> None:
    with pytest.raises(ValidationError, match="seed"):
        Look(seed=seed)


def test_a_face_index_is_no_negative_number() -> None:
    with pytest.raises(ValidationError, match="face_index"):
        PortraitSource(image="a.jpg", face_index=-1)


def test_a_script_of_spaces_is_empty() -> None:
    with pytest.raises(ValidationError, match="at least 1 character"):
        ScriptSpeech(script=" \n\t ")


def test_a_report_passes_only_if_every_check_does() -> None:
    good = Check(name="a", value=1, bar=">= 1", passed=True)
    bad = Check(name="b", value=0, bar=">= 1", passed=False)
    assert QualityReport(checks=(good,)).passed
    assert QualityReport(checks=(good, bad)).failures() == (bad,)
