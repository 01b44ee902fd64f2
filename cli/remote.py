"""`avatar submit --api`: the request goes through the HTTP API, as anybody's program would.

The same command again finds the video that it asked for, by a label, and follows or fetches it.
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from pydantic import ValidationError

from api import contracts as public
from api.client import ApiError, Client, VideoEvent
from cli.show import Listener, show_result, showing_progress
from models.contracts import (
    Background,
    Look,
    RecordedSpeech,
    ScriptSpeech,
    Speech,
    VideoRequest,
    VideoResult,
)
from models.delivery import NAMES, check_names, check_not_input, deliver, place_of
from models.errors import (
    AvatarError,
    InputError,
    InvalidRequest,
    MissingKey,
    RunFailed,
    ServiceRefused,
    ServiceUnavailable,
    UnreadableAudio,
    UnreadableImage,
)
from models.failure import error_of
from models.media.files import check_output
from models.storage import digest
from models.validation import translated

KEY = "AVATAR_API_KEY"
LABEL = "avatar-submit"
REMEMBERED = 200  # newest videos among which the same request is looked for
INTERRUPTED = 130


def submit_to(
    url: str, request: VideoRequest, queue: public.Priority, caller: str, *, no_wait: bool
) -> None:
    if caller:
        raise InvalidRequest("--caller does not go with --api: there the key says who asks")
    _check(request)
    started = time.perf_counter()
    with _told(), _client(url) as client:
        video = asked(client, request, queue)
        if no_wait:
            sys.stdout.write(f"{_goes_on(url, video.id)}\n")
            return
        video = _followed(client, url, video)
        result = fetched(client, video, request.delivery.output or "")
    show_result(result, time.perf_counter() - started)


def _check(request: VideoRequest) -> None:
    """Raises InputError where the video could not be written in the end."""
    output = place_of(request.delivery.output or "")
    recording = getattr(request.speech, "audio", None)
    check_not_input(output, request.portrait.image, recording, request.look.background.picture)
    check_output(output, alpha=request.look.transparent)
    check_names(output)


def _client(url: str) -> Client:
    try:
        return Client(url, os.environ.get(KEY))
    except ValueError as error:
        raise InvalidRequest(str(error)) from error


def asked(client: Client, request: VideoRequest, queue: public.Priority) -> public.VideoResource:
    """A new video, or the one that the same request asked for and that did not fail."""
    wanted = new_video(client, request, queue)
    name = digest(wanted.model_dump_json())
    known = client.list_videos(status=("queued", "running", "done"))
    for video in islice(known, REMEMBERED):
        if video.metadata.get(LABEL) == name:
            return video
    return client.create_video(wanted.model_copy(update={"metadata": {LABEL: name}}))


def new_video(client: Client, request: VideoRequest, queue: public.Priority) -> public.NewVideo:
    """What the gateway is asked for; the request's files are uploaded."""
    portrait = public.Portrait(
        upload=_sent(client, request.portrait.image, UnreadableImage),
        face_index=request.portrait.face_index,
    )
    return public.NewVideo(
        portrait=portrait,
        speech=_speech(client, request.speech),
        look=_look(client, request.look),
        renderer=request.renderer,
        commercial=request.commercial,
        priority=queue,
    )


def fetched(client: Client, video: public.VideoResource, output: str) -> VideoResult:
    """Its files as `avatar render` leaves them. Raises what the video failed with."""
    if video.result is None or video.files is None:
        if video.error is not None:
            raise error_of(video.error)
        raise RunFailed(f"{video.id} ended as {video.status}: ask again")
    suffixes = {name: suffix for suffix, name in NAMES.items()}
    with tempfile.TemporaryDirectory(prefix="avatar-video-") as folder:
        files = client.download(video, folder)
        places = deliver({suffixes[name]: file for name, file in files.items()}, place_of(output))
    named = {field: _place(link, places) for field, link in video.files.model_dump().items()}
    receipt = video.receipt
    return VideoResult.model_validate(
        {**vars(video.result), **named, "timings_s": receipt.stages_s if receipt else {}}
    )


def _place(link: str | None, places: dict[str, Path]) -> str | None:
    if link is None:
        return None
    return next(str(place) for suffix, place in places.items() if f"/{NAMES[suffix]}" in link)


def _speech(client: Client, speech: Speech) -> public.Script | public.Recording | public.Topic:
    if isinstance(speech, ScriptSpeech):
        return public.Script(type="script", **speech.model_dump())
    if isinstance(speech, RecordedSpeech):
        upload = _sent(client, speech.audio, UnreadableAudio)
        given = speech.model_dump(exclude={"audio"})
        return public.Recording(type="recording", upload=upload, **given)
    return public.Topic(type="topic", **speech.model_dump())


def _look(client: Client, look: Look) -> public.Look:
    background = _background(client, look.background)
    return public.Look(**look.model_dump(exclude={"background"}), background=background)


def _background(client: Client, background: Background) -> public.Background:
    picture = background.picture
    upload = _sent(client, picture, UnreadableImage) if picture else None
    return public.Background(kind=background.kind, colour=background.colour, upload=upload)


def _sent(client: Client, place: str, unreadable: type[InputError]) -> str:
    try:
        return client.upload(place).id
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise unreadable(f"{place} cannot be read: {reason}: check its path") from error


def _followed(client: Client, url: str, video: public.VideoResource) -> public.VideoResource:
    try:
        with showing_progress("%") as listener:
            return client.wait(video.id, lambda event: _show(event, listener))
    except KeyboardInterrupt:
        sys.stderr.write(f"\n{_goes_on(url, video.id)}\n")
        sys.exit(INTERRUPTED)


def _show(event: VideoEvent, listener: Listener) -> None:
    if event.data.get("status") == "queued":
        ahead = (event.data.get("queue_position") or 1) - 1
        listener(f"Waiting, {ahead} before it" if ahead else "Waiting for a worker", 0, 0)
    else:
        listener(event.data.get("stage") or "Starting", int(event.data.get("percent", 0)), 100)


def _goes_on(url: str, video: str) -> str:
    return f"{video} goes on at {url}: the same command again follows and fetches it"


@contextmanager
def _told() -> Iterator[None]:
    """The gateway's refusals as errors of our tree, which have an exit code."""
    try:
        yield
    except ApiError as error:
        raise _of_ours(error) from error
    except ValidationError as error:
        raise translated(error) from error


def _of_ours(error: ApiError) -> AvatarError:
    if error.status == 401:
        return MissingKey(f"{error}; {KEY} holds the key")
    if error.status is None or error.status >= 500:
        return ServiceUnavailable(str(error))
    if error.status in (402, 403, 429):
        return ServiceRefused(str(error))
    return InvalidRequest(str(error))
