"""Writes down what each task of a flow run did: how long, where, how often, with what.

`recorded` stands under a task's decorator, so that only what is really done is written down.
"""

import os
import platform
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import wraps
from typing import ParamSpec, TypeVar
from uuid import UUID

from prefect.context import FlowRunContext, TaskRunContext

from models.contracts import Check, Usage
from models.failure import failure_of
from models.journal import Asked, Generation, Outcome, Stage, asked_by
from tasks import used
from tasks.failures import prefix_of

P = ParamSpec("P")
T = TypeVar("T")
MOST_RUNS = 64  # a run that was killed is never told of


@dataclass
class Open:
    """A stage that is going on, and what it tells of itself."""

    name: str
    usage: Usage = field(default_factory=Usage)
    engine: str = ""
    generation: Generation | None = None
    checks: tuple[Check, ...] = ()
    elsewhere_cpu_s: float = 0.0  # told by stages within it, in this process
    inside: list[Stage] = field(default_factory=list)


_open: ContextVar[Open | None] = ContextVar("open_stage", default=None)
_runs: OrderedDict[UUID, list[Stage]] = OrderedDict()
_lock = threading.Lock()


def recorded(step: Callable[P, T]) -> Callable[P, T]:
    """Write down each execution of a task's function, however it ends."""

    @wraps(step)
    def noted(*args: P.args, **kwargs: P.kwargs) -> T:
        context = TaskRunContext.get()
        if context is None or context.task_run.flow_run_id is None:
            return step(*args, **kwargs)
        attempt = context.task_run.run_count
        with stage(context.task.name, context.task_run.flow_run_id, attempt):
            return step(*args, **kwargs)

    return noted


@contextmanager
def stage(name: str, run: UUID, attempt: int = 1) -> Iterator[Open]:
    going_on = Open(name)
    token = _open.set(going_on)
    at, began, cpu = datetime.now(UTC), time.perf_counter(), time.process_time()
    outcome: Outcome = "done"
    code = ""
    try:
        yield going_on
    except BaseException as error:
        outcome = "failed" if isinstance(error, Exception) else "cancelled"
        code = failure_of(error).code if isinstance(error, Exception) else ""
        raise
    finally:
        _open.reset(token)
        cpu_s = max(0.0, time.process_time() - cpu - going_on.elsewhere_cpu_s)
        made = Stage(
            name=name,
            started_at=at,
            seconds=time.perf_counter() - began,
            worker=here(),
            attempt=attempt,
            outcome=outcome,
            code=code,
            engine=going_on.engine,
            usage=going_on.usage + Usage(cpu_s=cpu_s),
            generation=going_on.generation,
            checks=going_on.checks,
        )
        _write(run, [made, *going_on.inside])


def spent(**quantities: float) -> None:
    """The stage that is going on took this too: fields of Usage."""
    if (now := _open.get()) is not None:
        now.usage = now.usage + Usage.model_validate(quantities)


def answered(generation: Generation) -> None:
    if (now := _open.get()) is not None:
        now.generation = generation
        now.usage = now.usage + Usage(
            prompt_tokens=generation.prompt_tokens, completion_tokens=generation.completion_tokens
        )


def measured(checks: Iterable[Check]) -> None:
    if (now := _open.get()) is not None:
        now.checks = tuple(checks)


def include(parts: Iterable[Stage]) -> None:
    """Stages within the one that is going on, wherever they were."""
    if (now := _open.get()) is not None:
        for part in parts:
            now.inside.append(part.model_copy(update={"within": now.name}))
            if part.worker == here():
                now.elsewhere_cpu_s += part.usage.cpu_s


def counted_on(keys: Iterable[str]) -> None:
    """Files of the store without which this flow run would have had to do more."""
    context = TaskRunContext.get()
    used.note(context.task_run.flow_run_id if context else None, keys)


def so_far() -> tuple[Stage, ...]:
    """What this process has done of the flow run that it is in."""
    with _lock:
        return tuple(_runs.get(UUID(run), ())) if (run := run_id()) else ()


def run_id() -> str:
    """Of the flow run that this is in."""
    context = FlowRunContext.get()
    return str(context.flow_run.id) if context and context.flow_run else ""


def asked() -> Asked:
    """By whom the flow run that this is in was asked for."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return Asked()
    return asked_by(context.flow_run.tags, prefix_of(context.flow_run.parameters.get("request")))


def here() -> str:
    return f"{platform.node()}:{os.getpid()}"


def close(run: UUID) -> tuple[Stage, ...]:
    """All that this process has done of a flow run, and forget it."""
    with _lock:
        return tuple(_runs.pop(run, ()))


def _write(run: UUID, stages: list[Stage]) -> None:
    with _lock:
        _runs.setdefault(run, []).extend(stages)
        while len(_runs) > MOST_RUNS:
            _runs.popitem(last=False)
