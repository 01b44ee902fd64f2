"""`avatar render`: one request, run here, with a bar that moves and a summary at the end."""

import threading
import time
from typing import Annotated

from typer import Argument, Option

from cli.requests import background_of, speech_of
from cli.show import show_result, showing_progress
from models.contracts import (
    Delivery,
    Look,
    PortraitSource,
    VideoRequest,
    VideoResult,
)
from models.validation import made

TEXT = "Text, or @FILE."


def render(
    portrait: Annotated[str, Argument(help="A picture with a face: JPEG, PNG, WebP or HEIC.")],
    output: Annotated[str, Option("--output", "-o", help=".mp4, or .webm if transparent.")],
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
    duration: Annotated[float | None, Option(help="Seconds aimed at, with --topic.")] = None,
    tone: Annotated[str | None, Option(help="Tone to write in, with --topic.")] = None,
    face: Annotated[int | None, Option(help="Which face speaks, 0 the largest.")] = None,
    resolution: Annotated[int, Option(help="Short side: 256, 512, 720 or 1080.")] = 512,
    aspect: Annotated[str, Option(help="1:1, 9:16 or 16:9.")] = "1:1",
    fps: Annotated[str, Option(help="24, 25, 30 or 29.97.")] = "25",
    background: Annotated[
        str, Option(help="original, blur, transparent, #rrggbb or a picture.")
    ] = "original",
    captions: Annotated[str, Option(help="none, sidecar or burned.")] = "sidecar",
    head_motion: Annotated[float, Option(help="0 still, 1 natural, at most 1.5.")] = 1.0,
    expressiveness: Annotated[float, Option(help="Mouth and brows, 0.5 to 1.5.")] = 1.0,
    seed: Annotated[int, Option(help="Same seed, same motion.")] = 0,
    renderer: Annotated[str, Option(help="auto or the name of a renderer.")] = "auto",
    force: Annotated[bool, Option("--force", help="Make it anew, whatever is kept.")] = False,
) -> None:
    """Turn a portrait and a script, a recording or a topic into a talking-head video."""
    speech = speech_of(
        script,
        audio,
        topic,
        transcript=transcript,
        language=language,
        normalise_loudness=normalise_loudness,
        voice=voice,
        rate=rate,
        duration_s=duration,
        tone=tone,
    )
    look = made(
        Look,
        resolution=resolution,
        aspect=aspect,
        fps=fps,
        background=background_of(background),
        captions=captions,
        head_motion=head_motion,
        expressiveness=expressiveness,
        seed=seed,
    )
    request = made(
        VideoRequest,
        portrait=made(PortraitSource, image=portrait, face_index=face),
        speech=speech,
        look=look,
        renderer=renderer,
        delivery=made(Delivery, output=output),
    )
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
