"""A finished flow run is told: beside its results, and to Langfuse where there are keys for it."""

from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from prefect.client.schemas.objects import FlowRun, State
from prefect.flows import Flow
from prefect.logging.loggers import flow_run_logger

from models.errors import MissingDependency
from models.failure import failure_of
from models.journal import JOURNAL, Journal, Outcome, asked_by, trace_id
from models.usage import load_rates
from tasks import journal, used
from tasks.failures import prefix_of
from tasks.policies import keep
from tasks.settings import settings

if TYPE_CHECKING:
    from models.tracing.langfuse import Teller
    from models.tracing.outbox import Outbox
    from models.tracing.server import Server


def tell(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Flow hook: keep the journal under the request's key prefix, and put it up to be sent."""
    made = _journal(flow_run, state)
    flow_run_logger(flow_run, flow).info("%s", _line(made))
    if prefix := prefix_of(flow_run.parameters.get("request")):
        keep(made, f"{prefix}/{JOURNAL}")
    given = settings()
    if given.langfuse_public_key and given.langfuse_secret_key and server().wants(made):
        outbox().put(made)


def _line(made: Journal) -> str:
    """For the log, with every id that leads on; no words of the request."""
    asked = made.asked
    ids = {"video": made.name, "request": asked.request, "owner": asked.owner, "run": made.run}
    known = " ".join(f"{name}={value}" for name, value in ids.items() if value)
    how = f"{made.outcome} {made.code}".strip()
    return f"{how} in {made.seconds:.2f} s, {known} trace={trace_id(made.name)}"


@cache
def server() -> "Server":
    from models.tracing.server import Server

    given = settings()
    return Server(
        url=given.langfuse_url,
        public_key=given.langfuse_public_key,
        secret_key=given.langfuse_secret_key.get_secret_value(),
        sampled=given.langfuse_sampled,
        words=given.langfuse_words,
        environment=given.langfuse_environment,
    )


@cache
def outbox() -> "Outbox[Journal]":
    from models.tracing.outbox import Outbox

    return Outbox(lambda one: teller().send(one))


@cache
def teller() -> "Teller":
    """In the outbox's thread, as the SDK takes a moment to load. Raises MissingDependency."""
    try:
        from models.tracing.langfuse import Teller
    except ImportError as error:
        remedy = "pip install 'avatar-orchestrator[tracing]'"
        raise MissingDependency(f"traces need {error.name}: {remedy}") from error
    return Teller(server(), load_rates(settings().rates))


def _journal(flow_run: FlowRun, state: State[Any]) -> Journal:
    ended = datetime.now(UTC)
    began = flow_run.start_time or ended
    error = None if state.is_completed() else state.result(raise_on_failure=False)
    return Journal(
        asked=asked_by(flow_run.tags, prefix_of(flow_run.parameters.get("request"))),
        run=str(flow_run.id),
        started_at=began,
        seconds=(ended - began).total_seconds(),
        outcome=_outcome(state),
        code=failure_of(error).code if isinstance(error, BaseException) else "",
        stages=journal.close(flow_run.id),
        files=used.close(flow_run.id),
    )


def _outcome(state: State[Any]) -> Outcome:
    if state.is_completed():
        return "done"
    return "cancelled" if state.is_cancelled() or state.is_cancelling() else "failed"
