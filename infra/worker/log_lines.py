"""A worker's lines: as the gateway's, with the ids of the run that they are about.

Prefect's loggers know the run; everybody else's lines are about the one that this process is in.
"""

import logging

from prefect.client.schemas.objects import FlowRun
from prefect.context import FlowRunContext

from models.journal import asked_by
from models.log_lines import JsonLines

_current: FlowRun | None = None


def about(run: FlowRun | None) -> None:
    """What a child's lines are about from now on, also those of threads without a context."""
    global _current
    _current = run


class RunLines(JsonLines):
    def facts(self, record: logging.LogRecord) -> dict[str, object]:
        given = {
            "run": getattr(record, "flow_run_id", None),
            "task": getattr(record, "task_run_name", None),
            "worker": getattr(record, "worker_name", None),
        }
        return {**_of_run(), **_known(given), **super().facts(record)}


def _of_run() -> dict[str, object]:
    context = FlowRunContext.get()
    run = (context.flow_run if context else None) or _current
    if run is None:
        return {}
    asked = asked_by(run.tags)
    ids = {"video": asked.video, "request_id": asked.request, "owner": asked.owner}
    return _known(ids | {"batch": asked.batch, "run": str(run.id)})


def _known(facts: dict[str, object] | dict[str, str]) -> dict[str, object]:
    unknown = (None, "", "null", "<unknown>")  # as Prefect writes it
    return {name: value for name, value in facts.items() if value not in unknown}
