"""Refuse what cannot become a good video before anything costs time."""

import time
from pathlib import Path

from prefect import task

from models.contracts import (
    MAX_IMAGE_BYTES,
    BackgroundKind,
    PortraitSource,
    VideoRequest,
)
from models.delivery import check_names, check_not_input, place_of
from models.media.files import check_output
from models.renderers import check_renderer
from models.stages import CheckedPortrait
from models.storage import file_sha256
from tasks.loaded import face_analyser
from tasks.policies import RESULT, cached, key_of, store
from tasks.progress import begin


@task(name="check-request", persist_result=False)
def check_request(request: VideoRequest) -> None:
    """What can be refused without opening the portrait. Raises InputError."""
    check_renderer(request.renderer)
    if request.look.background.picture is not None:
        from models.portrait.image import load_picture

        load_picture(Path(request.look.background.picture))
    if request.delivery.output is not None:
        output = place_of(request.delivery.output)
        recording = getattr(request.speech, "audio", None)
        check_not_input(output, request.portrait.image, recording, request.look.background.picture)
        alpha = request.look.background.kind is BackgroundKind.TRANSPARENT
        check_output(output, alpha=alpha)
        check_names(output)


def portrait_files(source: PortraitSource) -> tuple[str]:
    picture = file_sha256(Path(source.image), MAX_IMAGE_BYTES)
    return (key_of("portraits", picture, source.face_index) + ".image",)


@task(
    name="check-portrait",
    timeout_seconds=120,
    cache_key_fn=cached(portrait_files),
    persist_result=True,
    result_serializer=RESULT,
)
def check_portrait(source: PortraitSource) -> CheckedPortrait:
    """Find the face that speaks and keep the picture. Raises PortraitError."""
    from models.portrait.image import load_picture
    from models.portrait.preflight import preflight

    begin("Looking at the portrait")
    started = time.perf_counter()
    picture = load_picture(Path(source.image))
    report = preflight(picture, face_analyser(), source.face_index)
    (image,) = portrait_files(source)
    store().put(Path(source.image), image)
    return CheckedPortrait(
        image=image,
        sha256=picture.sha256,
        face_index=report.chosen,
        report=report,
        seconds=time.perf_counter() - started,
    )
