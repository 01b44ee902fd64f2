"""`avatar cost`: what a video, a minute and a month cost on each machine."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from typer import Option

from models.validation import translated


def cost(
    speed: Annotated[
        float, Option(help="Seconds of video that one GPU makes in a second, as you measured it.")
    ],
    videos: Annotated[int, Option(help="In a month.")] = 1000,
    seconds: Annotated[float, Option(help="Of each video.")] = 60,
    utilisation: Annotated[float, Option(help="Part of the paid time that is used.")] = 0.5,
    spot: Annotated[float, Option(help="Part of the time on spot machines.")] = 0.0,
    machine: Annotated[str | None, Option(help="Only this one: T4, g5.xlarge, …")] = None,
    prices: Annotated[Path | None, Option(help="A table of prices of your own, JSON.")] = None,
    as_json: Annotated[bool, Option("--json", help="For programs.")] = False,
) -> None:
    """What videos cost: prices are a dated table, the speed is what you measured."""
    from models.cost import Load, estimate, load_prices

    table = load_prices(prices) if prices else load_prices()
    try:
        load = Load(videos=videos, seconds=seconds, speed=speed, utilisation=utilisation, spot=spot)
    except ValidationError as error:
        raise translated(error) from error
    machines = [table.machine(machine)] if machine else table.machines
    rows = [estimate(one, load) for one in machines]
    if as_json:
        for row in rows:
            typer.echo(row.model_dump_json())
        return
    typer.echo(f"{'':14} {'minute':>10} {'video':>10} {'month':>12} {'GPU hours':>10}")
    for row in rows:
        typer.echo(
            f"{row.machine:14} {row.per_minute:10.5f} {row.per_video:10.5f} "
            f"{row.per_month:12.2f} {row.gpu_hours:10.1f}"
        )
    for other in table.hosted:
        month = other.per_minute * load.videos * load.seconds / 60
        typer.echo(f"{other.name}: {other.per_minute:.2f} a minute, {month:.2f} a month")
    typer.echo(
        f"USD, list prices of {table.as_of}, {table.region}: look them up before you quote them, "
        "or give your own with --prices. GPUs that render alone, without storage, gateway, "
        "database and traffic"
    )
