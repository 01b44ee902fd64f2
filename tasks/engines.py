"""Measure, on this machine, how to render fastest."""

import platform
from datetime import UTC, datetime

from prefect import task
from prefect.artifacts import create_table_artifact

from models.contracts import PortraitSource
from models.engines.measure import candidates, measure_apart
from models.engines.tuning import Candidate, Measured, Tuning, as_table, best_of, key_of
from models.errors import RenderError
from tasks.inputs import input_file
from tasks.policies import keep
from tasks.progress import Progress
from tasks.settings import settings


@task(name="list-engines", persist_result=False)
def list_engines(resolution: int) -> list[Candidate]:
    """Every way of rendering that this machine's device has."""
    return candidates(settings().device, resolution, settings().models)


@task(name="measure-engines", timeout_seconds=3600, persist_result=False)
def measure_engines(
    portrait: PortraitSource, found: list[Candidate], frames: int
) -> list[Measured]:
    """One after another, each alone in a process of its own."""
    picture, done = input_file(portrait.image), []
    progress = Progress("Measuring", len(found))
    for candidate in found:
        done.append(
            measure_apart(candidate, settings().models, picture, frames, settings().network_threads)
        )
        progress.advance(1)
    return done


@task(name="choose-engines", persist_result=False)
def choose_engines(measured: list[Measured]) -> Tuning:
    """Store what this machine should use. Raises RenderError where nothing works."""
    best = best_of(measured)
    if not best:
        reasons = "; ".join(sorted({one.error for one in measured}))
        raise RenderError(f"nothing renders on this machine: {reasons or 'there are no engines'}")
    tuning = Tuning(
        machine=platform.node(), made_at=datetime.now(UTC), best=best, measured=tuple(measured)
    )
    keep(tuning, key_of(tuning.machine))
    told = ", ".join(
        f"{one.candidate.renderer}: {one.candidate.engine}, batch {one.candidate.batch}, "
        f"{one.frames_per_s:.0f} frames/s"
        for one in best
    )
    create_table_artifact(key="engines", table=as_table(tuning), description=told)
    return tuning
