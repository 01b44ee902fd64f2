import pytest

from models.errors import UnknownVoice
from models.speech.espeak import EspeakProcess
from models.speech.voices import VoiceBook, voice_book


@pytest.fixture(scope="module")
def book() -> VoiceBook:
    return voice_book(EspeakProcess())


@pytest.mark.parametrize(
    ("wanted", "engine_name"),
    [
        ("en-us", "en-US"),
        ("EN_us", "en-US"),
        ("en-gb", "en"),
        ("en", "en"),
        ("English", "en"),
        ("fr-fr", "fr"),
        ("fr", "fr"),
        ("fr_CA", "fr"),
        ("de", "de"),
        ("de-DE", "de"),
        ("German", "de"),
        ("it-IT", "it"),
        ("pt-br", "pt-BR"),
        ("es-MX", "es-419"),
        ("zh", "cmn"),
        ("zh-CN", "cmn"),
        ("no", "nb"),
        ("en-us+f2", "en-US+f2"),
        ("de+mr serious", "de+Mr serious"),
    ],
)
def test_names_people_write_resolve(book: VoiceBook, wanted: str, engine_name: str) -> None:
    assert book.find(wanted)[1] == engine_name


@pytest.mark.parametrize(
    ("wanted", "hint"),
    [
        ("en-ush", "en-us"),
        ("germna", "german"),
        ("en-us+f22", "f2"),
        ("atlantean", "avatar voices"),
        ("en-us+", "leave it out"),
        ("", "avatar voices"),
    ],
)
def test_an_unknown_name_is_answered_with_close_ones(
    book: VoiceBook, wanted: str, hint: str
) -> None:
    with pytest.raises(UnknownVoice, match=hint) as caught:
        book.find(wanted)
    assert repr(wanted) in str(caught.value)


def test_every_listed_voice_is_found_under_its_own_name(book: VoiceBook) -> None:
    assert len(book.voices) > 100
    assert [book.find(voice.name)[0] for voice in book.voices] == list(book.voices)
    assert len({voice.name for voice in book.voices}) == len(book.voices)
