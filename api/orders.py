"""From what a caller asks for to what the flow is given; uploads become keys of the store."""

from collections.abc import Mapping

from api import contracts as public
from api.problems import Problem, of_error
from api.tables import Upload
from models import contracts as flow
from models.errors import InvalidRequest
from models.renderers import check_renderer

Uploads = Mapping[str, Upload]  # the caller's own, by id


def upload_ids(request: public.NewVideo | public.NewQuote) -> set[str]:
    portrait = request.portrait.upload if request.portrait else None
    recording = request.speech.upload if isinstance(request.speech, public.Recording) else None
    named = {portrait, recording, request.look.background.upload}
    return {name for name in named if name is not None}


def video_request(request: public.NewVideo, uploads: Uploads, key_prefix: str) -> flow.VideoRequest:
    """Raises Problem 422 where an upload is missing or of the wrong kind."""
    check_look(request)
    return flow.VideoRequest(
        portrait=portrait_source(request.portrait, uploads),
        speech=_speech(request.speech, uploads),
        look=_look(request.look, uploads),
        renderer=request.renderer,
        delivery=delivery_to(key_prefix),
    )


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
    if (background.kind == "picture") != (background.upload is not None):
        raise _wrong("look.background.upload", "goes with kind picture, and only with it")
    try:
        check_renderer(request.renderer)
    except InvalidRequest as error:
        raise of_error(error, "renderer") from error


def _speech(
    speech: public.Recording | public.Script | public.Topic, uploads: Uploads
) -> flow.Speech:
    given = speech.model_dump(exclude={"type", "upload"})
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
    if background.upload is not None:
        picture = _key(uploads, background.upload, "image", "look.background.upload")
    return flow.Look(
        **look.model_dump(exclude={"background"}),
        background=flow.Background(kind=background.kind, colour=background.colour, picture=picture),
    )


def _key(uploads: Uploads, name: str, kind: str, field: str) -> str:
    found = uploads.get(name)
    if found is None or found.status != "ready":
        raise _wrong(field, f"names no upload of yours ({name}): upload the file first")
    if found.kind != kind:
        raise _wrong(field, f"is an upload of kind {found.kind}: use one of kind {kind}")
    return f"store:{found.key}"


def _wrong(field: str, why: str) -> Problem:
    return Problem(422, "invalid_request", f"{field} {why}", field=field)
