"""What a pool or a deployment may say about its runs: Prefect's job variables."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import DeploymentResponse
from prefect.workers.base import BaseJobConfiguration, BaseVariables
from pydantic import Field

from infra.worker.slot import Limits

PRELOAD: Any = Field(
    default_factory=list,
    description="MODULE:FUNCTION that each child calls before its first run. Of the pool only.",
)
MAX_RUNS = Field(default=500, ge=1, description="Runs after which a child is replaced.")
MAX_MEMORY = Field(
    default=None, ge=1, description="Memory in MiB above which a child is replaced after its run."
)
MEMORY_LIMIT = Field(
    default=None, ge=1, description="Memory in MiB above which a child is killed during its run."
)
TIMEOUT = Field(
    default=None, gt=0, description="Seconds after which a run's process is killed, if ever."
)


class WarmConfiguration(BaseJobConfiguration):
    preload: list[str] = PRELOAD
    max_runs: int = MAX_RUNS
    max_memory_mb: int | None = MAX_MEMORY
    memory_limit_mb: int | None = MEMORY_LIMIT
    timeout_s: float | None = TIMEOUT

    @property
    def limits(self) -> Limits:
        return Limits(self.max_runs, self.max_memory_mb, self.memory_limit_mb, self.timeout_s)


class WarmVariables(BaseVariables):
    preload: list[str] = PRELOAD
    max_runs: int = MAX_RUNS
    max_memory_mb: int | None = MAX_MEMORY
    memory_limit_mb: int | None = MEMORY_LIMIT
    timeout_s: float | None = TIMEOUT


@dataclass(frozen=True)
class Job:
    configuration: WarmConfiguration
    code: str | None  # see messages.Run


async def job_for(
    client: PrefectClient, template: dict[str, Any], run: FlowRun, deployment: DeploymentResponse
) -> Job:
    """The pool's template, filled by the deployment, then by the run; `env` is merged."""
    asked, last = deployment.job_variables or {}, run.job_variables or {}
    env = {**asked.get("env", {}), **last.get("env", {})}
    configuration: WarmConfiguration = await WarmConfiguration.from_template_and_values(
        template, {**asked, **last, "env": env}, client=client
    )
    return Job(configuration, code_folder(deployment))


def code_folder(deployment: DeploymentResponse) -> str | None:
    """Where the code is a folder of this machine and no step fetches it."""
    if deployment.pull_steps or deployment.storage_document_id or not deployment.path:
        return None
    folder = Path(deployment.path).absolute()
    return str(folder) if folder.is_dir() else None
