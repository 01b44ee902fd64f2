"""What the worker and its children say to each other: one JSON object a line, over pipes."""

from enum import StrEnum
from typing import Literal
from uuid import UUID

from prefect.client.schemas.objects import FlowRun
from pydantic import BaseModel, ConfigDict, TypeAdapter


class Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    def line(self) -> bytes:
        return self.model_dump_json().encode() + b"\n"


class Run(Message):
    kind: Literal["run"] = "run"
    run: FlowRun
    env: dict[str, str | None] = {}
    code: str | None = None  # the folder that the flow's file lies in, where no step pulls it
    temporary: str | None = None  # the folder for its temporary files, gone afterwards


class Cancel(Message):
    kind: Literal["cancel"] = "cancel"
    run: UUID


class Count(Message):
    """What a child did since it last spoke: see models/tally.py."""

    text: str
    labels: dict[str, str]
    value: float


class Ready(Message):
    """The child has preloaded and waits for a run."""

    kind: Literal["ready"] = "ready"


class Loaded(Message):
    """The flow runs now; it wants to be stopped after so many seconds, if ever."""

    kind: Literal["loaded"] = "loaded"
    timeout_s: float | None


class Beat(Message):
    """The child is not stuck."""

    kind: Literal["beat"] = "beat"
    memory_mb: int
    counts: tuple[Count, ...] = ()


class Ending(StrEnum):
    HANDLED = "handled"  # the engine has told the server how
    CANCELLED = "cancelled"
    UNLOADABLE = "unloadable"
    UNREPORTED = "unreported"  # the engine could not tell the server


class Ended(Message):
    kind: Literal["ended"] = "ended"
    how: Ending
    reason: str = ""
    memory_mb: int
    counts: tuple[Count, ...] = ()


to_child: TypeAdapter[Run | Cancel] = TypeAdapter(Run | Cancel)
to_worker: TypeAdapter[Ready | Loaded | Beat | Ended] = TypeAdapter(Ready | Loaded | Beat | Ended)
