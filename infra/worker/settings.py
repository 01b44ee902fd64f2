"""What one machine decides about its worker: the environment, read here and nowhere else."""

import os
import socket
from pathlib import Path

from pydantic import AliasChoices, Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class WorkerSettings(BaseSettings):
    """Each field is AVATAR_WORKER_NAME in the environment, except where another name stands."""

    model_config = SettingsConfigDict(
        env_prefix="AVATAR_WORKER_", frozen=True, populate_by_name=True
    )

    slots: int = Field(default=1, ge=1, description="Children, where no GPUs are named.")
    gpus: str = Field(default="", validation_alias="CUDA_VISIBLE_DEVICES")
    poll_s: float = Field(
        default=0.5,
        gt=0,
        validation_alias=AliasChoices("AVATAR_WORKER_POLL_S", "PREFECT_WORKER_QUERY_SECONDS"),
        description="How often a worker with a free child asks for runs.",
    )
    drain_s: float = Field(default=300, gt=0, description="How long a stop waits for runs.")
    start_s: float = Field(default=300, gt=0, description="How long a child may preload.")
    hang_s: float = Field(
        default=60, gt=0, description="A child that is silent for so long during a run is killed."
    )
    sign_s: float = Field(
        default=10, gt=0, description="How often a child tells the server that its run lives."
    )
    lost_s: float = Field(
        default=90, gt=0, description="A run without a sign for so long is taken from its host."
    )
    port: int | None = Field(
        default=None, description="Of /metrics, /healthz and /readyz; 0: any free."
    )
    host: str = Field(default="127.0.0.1", description="Address that the port listens on.")
    temporary: Path | None = Field(
        default=None, description="Holds the temporary files of runs; default: the system's place."
    )

    @property
    def devices(self) -> list[str | None]:
        """CUDA_VISIBLE_DEVICES of each child."""
        named = [name.strip() for name in self.gpus.split(",") if name.strip()]
        return [*named] or [None] * self.slots


def signature(pid: int | None = None) -> str:
    """HOST:PID, as Prefect's own worker writes it: whose process holds a run."""
    return f"{socket.gethostname()}:{pid or os.getpid()}"
