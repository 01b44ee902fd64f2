"""Refuse what cannot become a good video before anything costs time."""

import time
from typing import Any

from prefect import task
from prefect.context import TaskRunContext

from models.contracts import (
    MAX_IMAGE_BYTES,
    Failure,
    PortraitReport,
    PortraitSource,
    PreflightReport,
    PreflightRequest,
    RecordingReport,
    VideoRequest,
)
from models.delivery import check_names, check_not_input, place_of
from models.errors import AudioError, InputError, InvalidRequest
from models.failure import failure_of
from models.media.files import check_output
from models.stages import CheckedPortrait
from models.storage import file_sha256
from tasks.inputs import input_file, taken_in
from tasks.journal import recorded
from tasks.loaded import chosen, face_analyser
from tasks.policies import RESULT, cached, keep, key_of, store
from tasks.progress import begin


def once_a_run(context: TaskRunContext, arguments: dict[str, Any]) -> str:
    """A run that goes on elsewhere, where the request's paths lead nowhere, keeps its inputs."""
    return f"accepted-{context.task_run.flow_run_id}"


@task(
    name="check-request",
    cache_key_fn=once_a_run,
    persist_result=True,
    result_serializer=RESULT,
)
@recorded
def check_request(request: VideoRequest) -> VideoRequest:
    """The request with its files in the store.

    Raises InputError for what no portrait can mend, and WeightsError.
    """
    chosen(request.renderer, commercial=request.commercial)
    if request.look.background.picture is not None:
        from models.portrait.image import load_picture

        load_picture(input_file(request.look.background.picture))
    if request.delivery.output is not None:
        output = place_of(request.delivery.output)
        recording = getattr(request.speech, "audio", None)
        check_not_input(output, request.portrait.image, recording, request.look.background.picture)
        check_output(output, alpha=request.look.transparent)
        check_names(output)
    return taken_in(request)


def portrait_files(source: PortraitSource) -> tuple[str]:
    picture = file_sha256(input_file(source.image), MAX_IMAGE_BYTES)
    return (key_of("portraits", picture, source.face_index) + ".image",)


@task(
    name="check-portrait",
    timeout_seconds=120,
    cache_key_fn=cached(portrait_files),
    persist_result=True,
    result_serializer=RESULT,
)
@recorded
def check_portrait(source: PortraitSource) -> CheckedPortrait:
    """Find the face that speaks and keep the picture. Raises PortraitError."""
    from models.portrait.image import load_picture
    from models.portrait.preflight import preflight

    begin("Looking at the portrait")
    started = time.perf_counter()
    file = input_file(source.image)
    picture = load_picture(file)
    report = preflight(picture, face_analyser(), source.face_index)
    (image,) = portrait_files(source)
    store().put(file, image)
    return CheckedPortrait(
        image=image,
        sha256=picture.sha256,
        face_index=report.chosen,
        report=report,
        seconds=time.perf_counter() - started,
    )


@task(name="look-over", timeout_seconds=120, persist_result=False)
def look_over(request: PreflightRequest) -> PreflightReport:
    """Every face and the sound, described; a refusal is part of the report.

    What is not the caller's to mend is raised.
    """
    portrait, portrait_refused = _portrait(request.portrait) if request.portrait else (None, None)
    sound, sound_refused = _recording(request.recording) if request.recording else (None, None)
    report = PreflightReport(
        portrait=portrait,
        portrait_refused=portrait_refused,
        recording=sound,
        recording_refused=sound_refused,
    )
    if request.key_prefix is not None:
        keep(report, f"{request.key_prefix}/report.json")
    return report


def _portrait(source: PortraitSource) -> tuple[PortraitReport | None, Failure | None]:
    from models.portrait.image import load_picture
    from models.portrait.preflight import choose, inspect

    try:
        picture = load_picture(input_file(source.image))
    except InputError as error:
        return None, failure_of(error)
    faces = face_analyser().faces(picture)
    report = inspect(picture, faces, source.face_index)
    try:
        choose(picture, faces, source.face_index)
    except InputError as error:
        return report, failure_of(error)
    return report, None


def _recording(audio: str) -> tuple[RecordingReport | None, Failure | None]:
    from models.media.recording import load_recording

    with store().work_folder() as folder:
        try:
            return load_recording(input_file(audio), folder / "speech.wav")[1], None
        except (AudioError, InvalidRequest) as error:  # a full disk is not the caller's
            return None, failure_of(error)
