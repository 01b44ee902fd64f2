"""`avatar render`: one request, run here, with a bar that moves and a summary at the end."""

import threading
import time
from typing import Annotated

from typer import Option

from cli.requests import takes_request
from cli.show import show_result, showing_progress
from models.contracts import VideoRequest, VideoResult


@takes_request
def render(
    request: VideoRequest,
    force: Annotated[bool, Option("--force", help="Make it anew, whatever is kept.")] = False,
) -> None:
    """Turn a portrait and a script, a recording or a topic into a talking-head video."""
    started = time.perf_counter()
    result = run_here(request, force)
    show_result(result, time.perf_counter() - started)


def run_here(request: VideoRequest, force: bool = False) -> VideoResult:
    """The flow in this process, with a Prefect of its own unless the environment names one."""
    from cli.local_prefect import local_prefect
    from tasks.settings import settings

    with (
        showing_progress() as listener,
        local_prefect(settings().prefect_home, settings().results),
    ):
        from prefect.settings import (
            PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
            PREFECT_TASKS_REFRESH_CACHE,
            temporary_settings,
        )

        from flows.avatar_video import avatar_video
        from tasks.loaded import preload
        from tasks.progress import listening

        threading.Thread(target=preload, daemon=True).start()  # the API takes seconds to come up

        settings_of_run = {
            PREFECT_TASKS_REFRESH_CACHE: force,
            # nobody else watches this run, and stopping the heartbeat's thread takes a second
            PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,
        }
        with temporary_settings(settings_of_run), listening(listener):
            return avatar_video(request)
