"""From what was typed to a request, with everything that a typist gets wrong said well."""

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option

from models.contracts import (
    LOWER_RESOLUTION,
    MAX_SCRIPT_CHARS,
    Background,
    BackgroundKind,
    Delivery,
    Label,
    Look,
    PortraitSource,
    RecordedSpeech,
    ScriptSpeech,
    Speech,
    TopicSpeech,
    VideoRequest,
)
from models.errors import InvalidRequest, ScriptTooLong
from models.validation import made

MOST_BYTES_A_CHAR = 4  # UTF-8
WAYS = "--script, --audio or --topic"
TEXT = "Text, or @FILE."


def speech_of(
    script: Annotated[str | None, Option(help=f"Say this. {TEXT}")] = None,
    audio: Annotated[str | None, Option(help="Speak with this recording.")] = None,
    topic: Annotated[str | None, Option(help="Write a script on this (MISTRAL_API_KEY).")] = None,
    transcript: Annotated[str | None, Option(help=f"What the recording says. {TEXT}")] = None,
    language: Annotated[str | None, Option(help="Of the transcript or the topic.")] = None,
    normalise_loudness: Annotated[
        bool | None, Option("--normalise-loudness", help="Bring the recording to -16 LUFS.")
    ] = None,
    voice: Annotated[str | None, Option(help="A name from `avatar voices`.")] = None,
    rate: Annotated[float | None, Option(help="Speaking rate, 0.5 to 2; 1 is normal.")] = None,
    duration_s: Annotated[
        float | None, Option("--duration", help="Seconds aimed at, with --topic.")
    ] = None,
    tone: Annotated[str | None, Option(help="Tone to write in, with --topic.")] = None,
) -> Speech:
    """Exactly one of the first three. Options that do not go with it are refused where given."""
    way = _only({"--script": script, "--audio": audio, "--topic": topic})
    options = {
        "transcript": transcript,
        "language": language,
        "normalise_loudness": normalise_loudness,
        "voice": voice,
        "rate": rate,
        "duration_s": duration_s,
        "tone": tone,
    }
    if script is not None:
        return made(ScriptSpeech, script=text_of(script), **_taken(way, options, "voice rate"))
    if audio is not None:
        known = _taken(way, options, "transcript language normalise_loudness")
        if "transcript" in known:
            known["transcript"] = text_of(str(known["transcript"]))
        return made(RecordedSpeech, audio=audio, **known)
    return made(TopicSpeech, topic=topic, **_taken(way, options, "voice language duration_s tone"))


def look_of(
    resolution: Annotated[int, Option(help="Short side: 256, 512, 720 or 1080.")] = 512,
    lower_resolution: Annotated[bool, Option("--lower-resolution", help=LOWER_RESOLUTION)] = False,
    aspect: Annotated[str, Option(help="1:1, 9:16 or 16:9.")] = "1:1",
    fps: Annotated[str, Option(help="24, 25, 30 or 29.97.")] = "25",
    background: Annotated[
        str, Option(help="original, blur, transparent, #rrggbb or a picture.")
    ] = "original",
    captions: Annotated[str, Option(help="none, sidecar or burned.")] = "sidecar",
    label: Annotated[
        str | None, Option(help="Words that all of it shows, at most 40 letters.")
    ] = None,
    label_position: Annotated[
        str, Option(help="top-left, top-right, bottom-left or bottom-right.")
    ] = "top-left",
    head_motion: Annotated[float, Option(help="0 still, 1 natural, at most 1.5.")] = 1.0,
    expressiveness: Annotated[float, Option(help="Mouth and brows, 0.5 to 1.5.")] = 1.0,
    seed: Annotated[int, Option(help="Same seed, same motion.")] = 0,
) -> Look:
    return made(
        Look,
        resolution=resolution,
        lower_resolution=lower_resolution,
        aspect=aspect,
        fps=fps,
        background=background_of(background),
        captions=captions,
        label=made(Label, text=label, position=label_position) if label is not None else None,
        head_motion=head_motion,
        expressiveness=expressiveness,
        seed=seed,
    )


def request_of(
    portrait: Annotated[str, Argument(help="A picture with a face: JPEG, PNG, WebP or HEIC.")],
    output: Annotated[str, Option("--output", "-o", help=".mp4, or .webm if transparent.")],
    face: Annotated[int | None, Option(help="Which face speaks, 0 the largest.")] = None,
    renderer: Annotated[str, Option(help="auto or the name of a renderer.")] = "auto",
    commercial: Annotated[
        bool, Option("--commercial", help="Refuse what is licensed for research only.")
    ] = False,
    **more: Any,  # noqa: ANN401
) -> VideoRequest:
    """What every command that makes a video takes; `more` is for `speech_of` and `look_of`."""
    speech = speech_of(**{name: more.pop(name) for name in _options(speech_of) if name in more})
    look = look_of(**more)
    return made(
        VideoRequest,
        portrait=made(PortraitSource, image=portrait, face_index=face),
        speech=speech,
        look=look,
        renderer=renderer,
        commercial=commercial,
        delivery=made(Delivery, output=output),
    )


def takes_request(command: Callable[..., None]) -> Callable[..., None]:
    """The command, given a VideoRequest first, with `shared()` before its own options."""
    asked = shared()
    own = list(_options(command).values())[1:]

    @wraps(command)
    def called(**given: Any) -> None:  # noqa: ANN401
        request = request_of(**{one.name: given.pop(one.name) for one in asked})
        command(request, **given)

    every = [*asked, *own]
    called.__signature__ = inspect.Signature(every)  # type: ignore[attr-defined]  # typer reads both
    called.__annotations__ = {one.name: one.annotation for one in every}
    return called


def shared() -> list[inspect.Parameter]:
    """What every such command takes, in the order in which its help tells it."""
    portrait, output, face, renderer, commercial, _ = _options(request_of).values()
    speech, look = _options(speech_of).values(), _options(look_of).values()
    return [portrait, output, *speech, face, *look, renderer, commercial]


def _options(function: Callable[..., object]) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(function).parameters


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


def _only(ways: Mapping[str, object]) -> str:
    """The one that is given. Raises InvalidRequest."""
    given = [name for name, value in ways.items() if value is not None]
    if len(given) != 1:
        found = f"{' and '.join(given)} are both there" if given else "nothing says what to speak"
        raise InvalidRequest(f"{found}: give exactly one of {WAYS}")
    return given[0]


def _taken(way: str, options: Mapping[str, object], names: str) -> dict[str, object]:
    """The options given that belong to the way of speaking. Raises InvalidRequest for others."""
    given = {name: value for name, value in options.items() if value is not None}
    for name in given:
        if name not in names.split():
            flag = "--" + name.removesuffix("_s").replace("_", "-")
            raise InvalidRequest(f"{flag} does not go with {way}: leave it out")
    return given
