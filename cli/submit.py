"""`avatar submit`: one request, made on a Prefect server's workers, followed and fetched.

With --api it goes to a gateway instead (cli.remote), which needs a key and nothing of Prefect.
Ctrl-C stops the following only. The run goes on, and the same command again follows it: a run is
known by what it was asked for.
"""

import getpass
import os
import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

from cli.requests import takes_request
from cli.show import show_result, showing_progress
from models.contracts import (
    Delivery,
    Failure,
    RecordedSpeech,
    TopicSpeech,
    VideoRequest,
    VideoResult,
)
from models.delivery import NAMES, deliver, place_of
from models.errors import MissingFile, RunFailed, StoreUnusable
from models.failure import UNEXPECTED, error_of
from models.storage import Store, digest

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

API = "http://127.0.0.1:4200/api"  # where `avatar up` listens
DEPLOYMENT = "avatar-video/cpu"
CHARS_A_SECOND = 15.0  # of speech
BYTES_A_SECOND = 16_000.0  # of a compressed recording
INTERRUPTED = 130


class Queue(StrEnum):
    HIGH = "high"
    DEFAULT = "default"
    BATCH = "batch"


@takes_request
def submit(
    request: VideoRequest,
    queue: Annotated[Queue, Option(help="Urgency; callers share each queue.")] = Queue.DEFAULT,
    caller: Annotated[str, Option(help="Who asks; default: your user name.")] = "",
    api: Annotated[
        str, Option(envvar="AVATAR_API", help="Ask this gateway, with the key in AVATAR_API_KEY.")
    ] = "",
    no_wait: Annotated[
        bool, Option("--no-wait", help="Ask, and leave; the same again without it fetches.")
    ] = False,
) -> None:
    """Have the video made by the workers of PREFECT_API_URL's server, or by a gateway."""
    if api:
        from cli.remote import submit_to

        submit_to(api, request, queue.value, caller, no_wait=no_wait)
        return
    from cli.local_prefect import local_prefect
    from tasks.settings import settings

    started = time.perf_counter()
    os.environ.setdefault("PREFECT_API_URL", API)
    with local_prefect(settings().prefect_home, settings().results):
        prefix, run = ask(request, queue, caller or _user())
        if no_wait:
            sys.stdout.write(f"{goes_on(run)}\n")
            return
        outcome = _followed(run)
        result = fetched(outcome, prefix, request)
    show_result(result, time.perf_counter() - started)


def ask(request: VideoRequest, queue: Queue, caller: str) -> "tuple[str, FlowRun]":
    """Where in the store the video will be, and its run: new, or asked for before and not ended."""
    from cli.following import unfinished
    from tasks import dispatch

    given = stored(request)
    video = digest(caller, given.model_dump_json())
    prefix = f"videos/{video}"
    given = given.model_copy(update={"delivery": Delivery(key_prefix=prefix)})
    return prefix, unfinished(caller, video) or dispatch.submit(
        DEPLOYMENT,
        {"request": given.model_dump(mode="json")},
        caller=caller,
        cost_s=cost_s(request),
        queue=queue,
        video=video,
    )


def stored(request: VideoRequest) -> VideoRequest:
    """The request with its files in the store. Raises InputError for files that can't be."""
    from tasks.inputs import STORED
    from tasks.policies import store
    from tasks.preflight import check_request

    given = check_request.fn(request)
    if not given.portrait.image.startswith(STORED):
        from models.portrait.image import load_picture

        load_picture(Path(given.portrait.image))
    if isinstance(given.speech, RecordedSpeech) and not given.speech.audio.startswith(STORED):
        from models.media.recording import load_recording

        with store().work_folder() as folder:
            load_recording(Path(given.speech.audio), folder / "speech.wav")
    return given


def cost_s(request: VideoRequest) -> float:
    """About how many seconds it speaks."""
    speech = request.speech
    if isinstance(speech, TopicSpeech):
        return speech.duration_s
    if isinstance(speech, RecordedSpeech):
        recording = Path(speech.audio)
        return recording.stat().st_size / BYTES_A_SECOND if recording.is_file() else 0.0
    return len(speech.script) / CHARS_A_SECOND / speech.rate


def goes_on(run: "FlowRun") -> str:
    return (
        f"the run {run.name} goes on at {os.environ['PREFECT_API_URL']}: the same command again "
        f"follows and fetches it, `prefect flow-run cancel {run.id}` ends it"
    )


def fetched(run: "FlowRun", prefix: str, request: VideoRequest) -> VideoResult:
    """Everything copied from the store to the output. Raises what the run failed with."""
    from tasks.policies import store

    state = run.state
    if state is None or not state.is_completed():
        raise _failure(run, prefix, store())
    try:
        text = store().path(f"{prefix}/result.json").read_text(encoding="utf-8")
        return copied(VideoResult.model_validate_json(text), store(), request.delivery.output or "")
    except MissingFile as error:
        raise StoreUnusable(
            f"the run {run.name} is done, but its video is not in the store here ({error}): "
            "set AVATAR_STORE as it is set for the workers"
        ) from error


def copied(result: VideoResult, store: Store, output: str) -> VideoResult:
    """The result with the places of the copies for its storage keys."""
    suffixes = {name: suffix for suffix, name in NAMES.items()}
    keys = {
        field: key
        for field, key in result.model_dump().items()
        if isinstance(key, str) and key.rpartition("/")[2] in suffixes
    }
    of = {field: suffixes[key.rpartition("/")[2]] for field, key in keys.items()}
    places = deliver({of[field]: store.path(keys[field]) for field in keys}, place_of(output))
    return result.model_copy(update={field: str(places[of[field]]) for field in keys})


def _followed(run: "FlowRun") -> "FlowRun":
    from prefect.client.orchestration import get_client

    from cli.following import follow

    try:
        with showing_progress("%") as listener, get_client(sync_client=True) as client:
            return follow(client, run, listener)
    except KeyboardInterrupt:
        sys.stderr.write(f"\n{goes_on(run)}\n")
        sys.exit(INTERRUPTED)


def _failure(run: "FlowRun", prefix: str, store: Store) -> Exception:
    """What error.json says; of a run that left none, or none for our tree, its state's message."""
    state = run.state
    if state is not None and state.is_failed():
        try:
            text = store.path(f"{prefix}/error.json").read_text(encoding="utf-8")
        except MissingFile:
            text = ""
        if text:
            failure = Failure.model_validate_json(text)
            if failure.code != UNEXPECTED:
                return error_of(failure)
            return RunFailed(f"the run {run.name} failed: {failure.message}")
    reason = (state and state.message) or "no reason given"
    return RunFailed(f"the run {run.name} ended as {run.state_name}: {reason}")


def _user() -> str:
    """A container may know no name for its user."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
