"""Where a request's files are: on this machine, or in the store that all machines share."""

import re
from collections.abc import Callable
from pathlib import Path

from models.contracts import MAX_AUDIO_BYTES, MAX_IMAGE_BYTES, RecordedSpeech, VideoRequest
from models.errors import InvalidRequest, MissingFile
from models.storage import file_sha256
from tasks.policies import store

STORED = "store:"
UNFIT = re.compile(r"[^a-z0-9._-]+")
LONGEST_NAME = 80


def input_file(text: str) -> Path:
    """The file of a path, or of `store:KEY`. Raises InvalidRequest where the store has none."""
    if not text.startswith(STORED):
        return Path(text)
    try:
        return store().path(text.removeprefix(STORED))
    except (ValueError, MissingFile) as error:
        raise InvalidRequest(f"{text} is not in the store: upload the file first") from error


def taken_in(request: VideoRequest) -> VideoRequest:
    """The same request with its files in the store, so that any machine can go on with it.

    What cannot be read stays as it is: the step that needs it says what is wrong.
    """
    return with_files(request, _kept)


def with_files(request: VideoRequest, changed: Callable[[str, int], str]) -> VideoRequest:
    """The same request with each of its files, and how many bytes it may have, changed."""
    portrait, speech, look = request.portrait, request.speech, request.look
    portrait = portrait.model_copy(update={"image": changed(portrait.image, MAX_IMAGE_BYTES)})
    if isinstance(speech, RecordedSpeech):
        speech = speech.model_copy(update={"audio": changed(speech.audio, MAX_AUDIO_BYTES)})
    if look.background.picture is not None:
        picture = changed(look.background.picture, MAX_IMAGE_BYTES)
        background = look.background.model_copy(update={"picture": picture})
        look = look.model_copy(update={"background": background})
    return request.model_copy(update={"portrait": portrait, "speech": speech, "look": look})


def _kept(text: str, max_bytes: int) -> str:
    """`store:KEY`, whose last part is the file's own name as far as a key can hold it."""
    if text.startswith(STORED):
        return text
    try:
        path = Path(text)
        key = f"inputs/{file_sha256(path, max_bytes)}/{_name(path)}"
    except (OSError, ValueError):
        return text
    if not store().exists(key):
        store().put(path, key)
    return STORED + key


def _name(path: Path) -> str:
    """As much of the name as messages need to tell files apart."""
    stem, suffix = (UNFIT.sub("-", part.lower()).strip("-._") for part in (path.stem, path.suffix))
    return f"{stem[:LONGEST_NAME] or 'file'}.{suffix or 'bin'}"
