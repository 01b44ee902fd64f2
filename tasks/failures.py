"""What a failed run leaves behind for whoever asked for it."""

import logging
from typing import Any

from prefect.client.schemas.objects import FlowRun, State
from prefect.flows import Flow
from pydantic import BaseModel

from models.contracts import Failure
from models.failure import failure_of
from models.storage import checked
from tasks.policies import keep

ERROR = "error.json"

logger = logging.getLogger(__name__)


def tell_failure(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Flow hook: write error.json under the key prefix that the request names, if it names one."""
    prefix = prefix_of(flow_run.parameters.get("request"))
    if prefix is not None:
        keep(_failure(state), f"{prefix}/{ERROR}")


def _failure(state: State[Any]) -> Failure:
    error = state.result(raise_on_failure=False)
    if isinstance(error, BaseException):
        return failure_of(error)
    return Failure(code="unexpected", message=state.message or "it failed without a word")


def prefix_of(request: object) -> str | None:
    """Of a request that may not even be valid."""
    document = request.model_dump() if isinstance(request, BaseModel) else request
    if not isinstance(document, dict):
        return None
    delivery = document.get("delivery", document)
    prefix = delivery.get("key_prefix") if isinstance(delivery, dict) else None
    try:
        return checked(prefix) if isinstance(prefix, str) else None
    except ValueError:
        return None
