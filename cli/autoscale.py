"""`avatar autoscale`: workers of a pool come and go with its queue."""

from pathlib import Path
from typing import Annotated

from pydantic import ValidationError
from typer import Option

from models.validation import translated


def autoscale(
    pool: Annotated[str | None, Option(help="Prefect's work pool to scale; default gpu.")] = None,
    users: Annotated[int | None, Option(help="Users at once: from 50 on other rules.")] = None,
    at_least: Annotated[int | None, Option(help="Workers, always; default 0.")] = None,
    warm: Annotated[int | None, Option(help="Workers, until idle for long; default 1.")] = None,
    at_most: Annotated[int | None, Option(help="Workers, always; default 8.")] = None,
    slots: Annotated[int | None, Option(help="Runs that one worker takes at once.")] = None,
    every_s: Annotated[float | None, Option(help="Seconds between two looks; default 5.")] = None,
    command: Annotated[str | None, Option(help="Starts one worker on this machine.")] = None,
    drain_s: Annotated[float | None, Option(help="Longest time to finish a run.")] = None,
    log: Annotated[Path | None, Option(help="File for what the workers say.")] = None,
    folder: Annotated[Path | None, Option(help="Remembers its workers, if it is killed.")] = None,
    group: Annotated[
        str | None, Option(help="EC2 Auto Scaling group, instead of this machine.")
    ] = None,
    region: Annotated[str | None, Option(help="Region of the group.")] = None,
    hook: Annotated[str | None, Option(help="The group's terminating lifecycle hook.")] = None,
    watch_only: Annotated[
        bool | None, Option("--watch-only", help="Tell what is wanted; others start workers.")
    ] = None,
    host: Annotated[str | None, Option(help="Address that the exporter listens on.")] = None,
    port: Annotated[int | None, Option(help="Port of the exporter; default 9095.")] = None,
) -> None:
    """Start and drain workers as the queue needs them, until SIGTERM or Ctrl-C.

    What is not given comes from AVATAR_SCALE_POOL and so on in the environment.
    """
    given = {name: value for name, value in locals().items() if value is not None}
    from infra.autoscaler.service import AutoscalerSettings, serve_until_told

    try:
        settings = AutoscalerSettings(**given)
    except ValidationError as error:
        raise translated(error) from error
    serve_until_told(settings)
