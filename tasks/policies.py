"""When a task is tried again, and what makes two runs of it the same."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from prefect.client.schemas.objects import State, TaskRun
from prefect.context import TaskRunContext
from prefect.tasks import Task
from pydantic import BaseModel

import models
from models.errors import AvatarError
from models.storage import Store, digest, file_sha256, store_at
from models.tally import looked_up
from tasks import used
from tasks.settings import settings

SOURCES = ("*.py", "*.safetensors")  # what decides how a video looks
RESULT = "json"  # how Prefect keeps what tasks return: readable, and nothing runs on loading


def is_transient(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    """Whether trying again can help: the error itself knows."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, AvatarError) and error.retryable


def store() -> Store:
    return _store_at(settings().store)


_store_at = cache(store_at)  # its connections and what it has seen are kept


@cache
def code_version() -> str:
    """A digest of the models' code and weights: what other code made is not the same video."""
    root = Path(models.__file__).parent
    files = sorted(path for pattern in SOURCES for path in root.rglob(pattern))
    return digest(*(f"{path.relative_to(root)} {file_sha256(path)}" for path in files))


def key_of(stage: str, *parts: object) -> str:
    """`stage/digest`: the storage key, less its suffix, of what the stage makes of the parts."""
    return f"{stage}/{digest_of(code_version(), *parts)}"


def digest_of(*parts: object) -> str:
    """Of what the parts say, in order."""
    return digest(*map(_text, parts))


def cached(
    files: Callable[..., tuple[str, ...]],
) -> Callable[[TaskRunContext, dict[str, Any]], str | None]:
    """A cache key function from one that names, for a task's arguments, the files it makes.

    A record whose files are gone is not believed: the task runs, and makes the same files again.
    An input that cannot be read has no key: the task itself says what is wrong with it.
    """

    def key(context: TaskRunContext, arguments: dict[str, Any]) -> str | None:
        try:
            made = files(**arguments)
        except OSError:
            return None
        used.note(context.task_run.flow_run_id, made)
        record = made[0].replace("/", "-")
        kept = all(store().exists(file) for file in made)
        known = context.result_store.exists(record)
        looked_up(context.task.name, found=int(kept and known), missing=int(not (kept and known)))
        return record if kept or not known else None

    return key


def keep(document: BaseModel, key: str) -> None:
    """Put the document, as JSON, into the store."""
    with store().work_folder() as folder:
        file = folder / "document.json"
        file.write_text(document.model_dump_json(indent=2), encoding="utf-8")
        store().put(file, key)


def _text(part: object) -> str:
    return part.model_dump_json() if isinstance(part, BaseModel) else str(part)
