"""From what a caller asks for to what the flow is given; uploads become keys of the store."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from api import contracts as public
from api.problems import Problem, of_error
from api.tables import Upload
from api.uploads import Kind
from models import contracts as flow
from models.errors import InvalidRequest
from models.renderers import check_renderer

Uploads = Mapping[str, Upload]  # the caller's own, by id
Part = TypeVar("Part", bound=public.Resource)
NOT_YET = "store:uploads/not-fetched-yet"  # in an order that is not given to anybody


@dataclass(frozen=True)
class Remote:
    url: str
    kind: Kind


def upload_ids(request: public.NewVideo | public.NewQuote) -> set[str]:
    portrait = request.portrait.upload if request.portrait else None
    recording = request.speech.upload if isinstance(request.speech, public.Recording) else None
    named = {portrait, recording, request.look.background.upload}
    return {name for name in named if name is not None}


def remote_inputs(request: public.NewVideo) -> dict[str, Remote]:
    """What has to be fetched, by the name of its field."""
    recording = request.speech.url if isinstance(request.speech, public.Recording) else None
    named: dict[str, tuple[str | None, Kind]] = {
        "portrait.url": (request.portrait.url, "image"),
        "speech.url": (recording, "audio"),
        "look.background.url": (request.look.background.url, "image"),
    }
    return {field: Remote(url, kind) for field, (url, kind) in named.items() if url is not None}


def words_of(request: public.NewVideo) -> tuple[str, str]:
    """The field of what is going to be said, as far as it is known, and the words."""
    speech = request.speech
    if isinstance(speech, public.Script):
        return "speech.script", speech.script
    if isinstance(speech, public.Topic):
        return "speech.topic", speech.topic
    return "speech.transcript", speech.transcript or ""


def with_uploads(request: public.NewVideo, found: Mapping[str, str]) -> public.NewVideo:
    """With an upload's id in place of each address, by the name of its field."""

    def named(part: Part, field: str) -> Part:
        change = {"upload": found[field], "url": None} if field in found else {}
        return part.model_copy(update=change)

    speech = request.speech
    background = named(request.look.background, "look.background.url")
    return request.model_copy(
        update={
            "portrait": named(request.portrait, "portrait.url"),
            "speech": named(speech, "speech.url") if "speech.url" in found else speech,
            "look": request.look.model_copy(update={"background": background}),
        }
    )


def video_request(request: public.NewVideo, uploads: Uploads, key_prefix: str) -> flow.VideoRequest:
    """Raises Problem 422 where an upload is missing or of the wrong kind."""
    check_look(request)
    return flow.VideoRequest(
        portrait=portrait_source(request.portrait, uploads),
        speech=_speech(request.speech, uploads),
        look=_look(request.look, uploads),
        renderer=request.renderer,
        commercial=request.commercial,
        delivery=delivery_to(key_prefix),
    )


def check_uploads(request: public.NewQuote, uploads: Uploads) -> None:
    """Raises Problem 422 where an upload is missing or of the wrong kind."""
    if request.portrait is not None:
        portrait_source(request.portrait, uploads)
    _speech(request.speech, uploads)
    _look(request.look, uploads)


def delivery_to(key_prefix: str) -> flow.Delivery:
    return flow.Delivery(key_prefix=key_prefix)


def portrait_source(portrait: public.Portrait, uploads: Uploads) -> flow.PortraitSource:
    image = _key(uploads, portrait.upload, "image", "portrait.upload")
    return flow.PortraitSource(image=image, face_index=portrait.face_index)


def audio_source(name: str, uploads: Uploads) -> str:
    return _key(uploads, name, "audio", "recording")


def check_look(request: public.NewVideo | public.NewQuote) -> None:
    background = request.look.background
    if (background.kind == "colour") != (background.colour is not None):
        raise _wrong("look.background.colour", "goes with kind colour, and only with it")
    given = (background.upload is not None) + (background.url is not None)
    if given != (background.kind == "picture"):
        raise _wrong(
            "look.background.upload", "goes with kind picture and only with it: it, or a url"
        )
    label = request.look.label
    if label and flow.labels_meet(request.look.captions, label.position):
        raise _wrong("look.label.position", flow.LABELS_MEET)
    try:
        check_renderer(request.renderer)
    except InvalidRequest as error:
        raise of_error(error, "renderer") from error


def _speech(
    speech: public.Recording | public.Script | public.Topic, uploads: Uploads
) -> flow.Speech:
    given = speech.model_dump(exclude={"type", "upload", "url"})
    if isinstance(speech, public.Script):
        return flow.ScriptSpeech(**given)
    if isinstance(speech, public.Topic):
        return flow.TopicSpeech(**given)
    return flow.RecordedSpeech(
        audio=_key(uploads, speech.upload, "audio", "speech.upload"), **given
    )


def _look(look: public.Look, uploads: Uploads) -> flow.Look:
    background = look.background
    picture = None
    if background.kind == "picture":
        picture = _key(uploads, background.upload, "image", "look.background.upload")
    return flow.Look(
        **look.model_dump(exclude={"background"}),
        background=flow.Background(kind=background.kind, colour=background.colour, picture=picture),
    )


def _key(uploads: Uploads, name: str | None, kind: Kind, field: str) -> str:
    if name is None:
        return NOT_YET
    found = uploads.get(name)
    if found is None or found.status != "ready":
        raise _wrong(field, f"names no upload of yours ({name}): upload the file first")
    if found.kind != kind:
        raise _wrong(field, f"is an upload of kind {found.kind}: use one of kind {kind}")
    return f"store:{found.key}"


def _wrong(field: str, why: str) -> Problem:
    return Problem(422, "invalid_request", f"{field} {why}", field=field)
