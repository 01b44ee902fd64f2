"""How a video was made, step by step: who asked, what ran where, how long and with what.

One id leads everywhere: the video's. The ids of its trace follow from it, so that nobody has to
look one up.
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from pydantic import Field

from models.contracts import Check, Contract, Usage
from models.fair_share import CALLER

VIDEO, REQUEST, BATCH = "video:", "request:", "batch:"  # tags of a flow run, as CALLER is one
JOURNAL = "journal.json"
Outcome = Literal["done", "failed", "cancelled"]


class Asked(Contract):
    """Who asked for a video, as far as the flow run's tags tell."""

    video: str = ""
    owner: str = ""
    request: str = ""  # of the HTTP request that it was accepted in
    batch: str = ""


class Generation(Contract):
    """What a language model did. The words are in memory only: they are never written down."""

    model: str
    prompt_tokens: int
    completion_tokens: int
    asked: str = Field(default="", exclude=True, repr=False)
    answered: str = Field(default="", exclude=True, repr=False)


class Stage(Contract):
    """One execution of a task, or of a segment's rendering; what a cache had leaves none."""

    name: str
    started_at: datetime
    seconds: float
    worker: str  # host:process
    attempt: int = 1
    outcome: Outcome = "done"
    code: str = ""  # of the error
    engine: str = ""
    usage: Usage = Usage()
    within: str = ""  # the stage that it was a part of
    generation: Generation | None = None
    checks: tuple[Check, ...] = ()


class Journal(Contract):
    """All that happened in one flow run."""

    asked: Asked = Asked()
    run: str = ""  # Prefect's id
    started_at: datetime
    seconds: float
    outcome: Outcome
    code: str = ""
    stages: tuple[Stage, ...] = ()
    files: tuple[str, ...] = ()  # storage keys of what it counted on, made or found

    @property
    def name(self) -> str:
        """The video's id; of a run that nobody gave one, the run's."""
        return self.asked.video or self.run


def asked_by(tags: Iterable[str], key_prefix: str | None = None) -> Asked:
    """From a flow run's tags; a video without one is named by where it is delivered."""
    found: dict[str, str] = {}
    given = {"owner": CALLER, "video": VIDEO, "request": REQUEST, "batch": BATCH}
    for tag in tags:
        for field, mark in given.items():
            if tag.startswith(mark):
                found.setdefault(field, tag.removeprefix(mark))
    if key_prefix:
        found.setdefault("video", key_prefix.rsplit("/", 1)[-1])
    return Asked(**found)


def trace_id(video: str) -> str:
    """32 hexadecimal digits, as Langfuse derives them from a seed."""
    return hashlib.sha256(video.encode()).digest()[:16].hex()


def told(stage: Stage) -> str:
    """A line, for people."""
    how = stage.outcome if not stage.code else f"{stage.outcome} ({stage.code})"
    again = f", attempt {stage.attempt}" if stage.attempt > 1 else ""
    where = f"{stage.engine}, " if stage.engine else ""
    cpu = f", {stage.usage.cpu_s:.2f} s of CPU" if stage.usage.cpu_s else ""
    part = f", within {stage.within}" if stage.within else ""
    return f"{stage.name} {how} in {stage.seconds:.2f} s{again}{cpu}, {where}{stage.worker}{part}"
