"""What one machine decides about its worker: the environment, read here and nowhere else."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class WorkerSettings(BaseSettings):
    """Each field is AVATAR_WORKER_NAME in the environment, except where another name stands."""

    model_config = SettingsConfigDict(
        env_prefix="AVATAR_WORKER_", frozen=True, populate_by_name=True
    )

    slots: int = Field(default=1, ge=1, description="Children, where no GPUs are named.")
    gpus: str = Field(default="", validation_alias="CUDA_VISIBLE_DEVICES")
    drain_s: float = Field(default=300, gt=0, description="How long a stop waits for runs.")
    port: int | None = Field(default=None, description="Of /metrics and /healthz; 0: any free.")
    host: str = Field(default="127.0.0.1", description="Address that the port listens on.")

    @property
    def devices(self) -> list[str | None]:
        """CUDA_VISIBLE_DEVICES of each child."""
        named = [name.strip() for name in self.gpus.split(",") if name.strip()]
        return [*named] or [None] * self.slots
