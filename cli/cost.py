"""`avatar cost`: what a video, a minute and a month cost on each machine, and at others'."""

import json
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from typer import Option

from cli.cost_table import document, lines
from models.cost import SEEN, Load, Speed, estimate, speed_of, used
from models.delivery import MANIFEST
from models.engines.tuning import Tuning, key_of
from models.errors import InvalidRequest
from models.manifest import Manifest
from models.prices import PRICES, Fleet, Machine, Prices, load_prices
from models.validation import translated

MB_PER_MINUTE = 3.5  # 512x512 at 25 fps with its sound: 1.10 MB for 19 s of the astronaut
WITHOUT_FLEET = 0.5  # part of the paid time that is used


def cost(
    videos: Annotated[int, Option(help="In a month.")] = 1000,
    minutes: Annotated[float, Option(help="Of each video.")] = 1.0,
    speed: Annotated[
        float | None, Option(help="Seconds of video made in a second, as you measured it.")
    ] = None,
    like: Annotated[
        Path | None, Option(help="A video with its manifest: its stages tell the speed.")
    ] = None,
    renderer: Annotated[
        str | None, Option(help="As optimize-engines measured it here: rendering alone.")
    ] = None,
    size: Annotated[
        str, Option(help="Of the fleet (infra/terraform): small, medium, large; none: one machine.")
    ] = "small",
    utilisation: Annotated[
        float | None, Option(help="Part of the paid time that is used; else the size's, or 0.5.")
    ] = None,
    spot: Annotated[
        float | None, Option(help="Part of the time on spot machines; else the size's, or 0.")
    ] = None,
    megabytes: Annotated[float, Option(help="Of a minute of video.")] = MB_PER_MINUTE,
    kept_months: Annotated[float, Option(help="A video stays in the store.")] = 1.0,
    downloads: Annotated[float, Option(help="Of each video.")] = 1.0,
    machine: Annotated[str | None, Option(help="Only this one: T4, g5.xlarge, …")] = None,
    prices: Annotated[Path | None, Option(help="A table of prices of your own, JSON.")] = None,
    as_json: Annotated[bool, Option("--json", help="For programs.")] = False,
) -> None:
    """What videos cost: the speed is measured, the prices are a dated table to be checked."""
    table = load_prices(prices or PRICES)
    fleet = None if size == "none" else table.fleet(size)
    found = _speed(speed, like, renderer)
    seconds = minutes * 60
    try:
        load = Load(
            videos=videos,
            seconds=seconds,
            speed=found.ratio,
            utilisation=utilisation
            if utilisation is not None
            else _used(fleet, videos, seconds, found),
            spot=spot if spot is not None else (fleet.waiting(videos).spot if fleet else 0.0),
            warm=fleet.warm if fleet else 0,
            megabytes=megabytes,
            kept_months=kept_months,
            downloads=downloads,
        )
    except ValidationError as error:
        raise translated(error) from error
    rows = [estimate(one, load, table, fleet) for one in _machines(table, machine, found)]
    if as_json:
        typer.echo(json.dumps(document(table, found, load, rows), indent=2))
        return
    for line in lines(table, found, load, fleet, rows):
        typer.echo(line)


def _used(fleet: Fleet | None, videos: int, seconds: float, speed: Speed) -> float:
    """What is out of its bounds is Load's to refuse."""
    if fleet is None or min(videos, seconds) <= 0:
        return WITHOUT_FLEET
    return used(fleet, videos, seconds, speed.ratio)


def _speed(given: float | None, like: Path | None, renderer: str | None) -> Speed:
    """Raises InvalidRequest where more than one is asked for, or what is asked for is not there."""
    if sum(value is not None for value in (given, like, renderer)) > 1:
        raise InvalidRequest("give one of --speed, --like and --renderer")
    if given is not None:
        try:
            return Speed(ratio=given, source="as you said")
        except ValidationError as error:
            raise translated(error) from error
    if like is not None:
        return _like(like)
    return _tuned(renderer) if renderer else SEEN


def _like(video: Path) -> Speed:
    beside = video.with_suffix(MANIFEST)
    if not beside.is_file():
        raise InvalidRequest(f"{video} has no manifest beside it: name another video")
    return speed_of(Manifest.model_validate_json(beside.read_text(encoding="utf-8")))


def _tuned(renderer: str) -> Speed:
    from tasks.policies import store

    key = key_of(platform.node())
    kept = (
        Tuning.model_validate_json(store().path(key).read_text(encoding="utf-8")).best
        if store().exists(key)
        else ()
    )
    for one in kept:
        if one.candidate.renderer == renderer and one.candidate.resolution == 512:
            source = f"{renderer} on this machine, {one.candidate.engine}: rendering alone, 25 fps"
            device, _, _ = one.candidate.device.partition(":")
            return Speed(ratio=one.frames_per_s / 25, source=source, device=device)
    raise InvalidRequest(
        f"nobody measured {renderer!r} here: run the deployment optimize-engines/on-demand"
    )


def _machines(table: Prices, wanted: str | None, speed: Speed) -> Sequence[Machine]:
    """A speed of a processor says nothing of a GPU, nor the other way round."""
    if wanted:
        return (table.machine(wanted),)
    return [one for one in table.machines if speed.device in (None, one.device)]
