"""From what was typed to a request, with everything that a typist gets wrong said well."""

from pathlib import Path

from models.contracts import (
    MAX_SCRIPT_CHARS,
    Background,
    BackgroundKind,
    RecordedSpeech,
    ScriptSpeech,
    TopicSpeech,
)
from models.errors import InvalidRequest, ScriptTooLong
from models.validation import made

MOST_BYTES_A_CHAR = 4  # UTF-8
WAYS = "--script, --audio or --topic"


def speech_of(
    script: str | None, audio: str | None, topic: str | None, **options: object
) -> ScriptSpeech | RecordedSpeech | TopicSpeech:
    """Exactly one of the three. Options that do not go with it are refused where given."""
    ways = {"--script": script, "--audio": audio, "--topic": topic}
    given = [name for name, value in ways.items() if value is not None]
    if len(given) != 1:
        found = f"{' and '.join(given)} are both there" if given else "nothing says what to speak"
        raise InvalidRequest(f"{found}: give exactly one of {WAYS}")
    if script is not None:
        return made(ScriptSpeech, script=text_of(script), **_taken(given[0], options, "voice rate"))
    if audio is not None:
        known = _taken(given[0], options, "transcript language normalise_loudness")
        if "transcript" in known:
            known["transcript"] = text_of(str(known["transcript"]))
        return made(RecordedSpeech, audio=audio, **known)
    return made(
        TopicSpeech, topic=topic, **_taken(given[0], options, "voice language duration_s tone")
    )


def background_of(text: str) -> Background:
    """`original`, `blur`, `transparent`, `#rrggbb` or the path of a picture."""
    if text in ("original", "blur", "transparent"):
        return Background(kind=BackgroundKind(text))
    if text.startswith("#"):
        return made(Background, kind=BackgroundKind.COLOUR, colour=text)
    if not Path(text).is_file():
        raise InvalidRequest(
            f"background {text!r} is no picture file: use one, "
            "or original, blur, transparent or a colour such as #204060"
        )
    return Background(kind=BackgroundKind.PICTURE, picture=text)


def text_of(argument: str) -> str:
    """The argument itself, or after an @ the text of the file it names."""
    if not argument.startswith("@"):
        return argument
    path = Path(argument[1:])
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES_A_CHAR * MAX_SCRIPT_CHARS + 1)
        text = content.decode("utf-8-sig")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InvalidRequest(f"cannot read the text file {path}: {reason}") from error
    except ValueError as error:
        if len(content) > MOST_BYTES_A_CHAR * MAX_SCRIPT_CHARS:
            raise ScriptTooLong(_too_long(path)) from error
        raise InvalidRequest(f"{path} is no text file: save it as UTF-8") from error
    if len(content) > MOST_BYTES_A_CHAR * MAX_SCRIPT_CHARS:
        raise ScriptTooLong(_too_long(path))
    if "\0" in text:
        raise InvalidRequest(f"{path} is no text file: it holds null bytes")
    return text


def _too_long(path: Path) -> str:
    return f"{path} holds more than {MAX_SCRIPT_CHARS:,} characters: cut it into several videos"


def _taken(way: str, options: dict[str, object], names: str) -> dict[str, object]:
    """The options given that belong to the way of speaking. Raises InvalidRequest for others."""
    given = {name: value for name, value in options.items() if value is not None}
    for name in given:
        if name not in names.split():
            flag = "--" + name.removesuffix("_s").replace("_", "-")
            raise InvalidRequest(f"{flag} does not go with {way}: leave it out")
    return given
