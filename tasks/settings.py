"""The environment, read here and nowhere else."""

import os
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from models.assets import DEFAULT_CACHE
from models.consent import ConsentPolicy


class Settings(BaseSettings):
    """Each field is AVATAR_NAME in the environment, except where another name stands."""

    model_config = SettingsConfigDict(env_prefix="AVATAR_", frozen=True, populate_by_name=True)

    store: str = Field(
        default=str(DEFAULT_CACHE.parent / "store"),
        description="Inputs and results: a folder, or s3://BUCKET/PREFIX.",
    )
    models: Path = Field(default=DEFAULT_CACHE, description="Folder that `make setup` fills.")
    prefect_home: Path = Field(
        default=DEFAULT_CACHE.parent / "prefect", description="For runs without a Prefect server."
    )
    device: str = Field(default="cpu", description="Torch device to render on: cpu or cuda.")
    segment_deployment: str = Field(
        default="",
        description="FLOW/NAME, such as render-segment/gpu, that renders segments; empty: here.",
    )
    render_at_once: int | None = Field(
        default=None,
        ge=1,
        description="Segments of a video rendered side by side; empty: 4 on a card, else 1.",
    )
    encoder: Literal["auto", "x264", "nvenc"] = Field(
        default="auto",
        description="Of MP4 pictures; auto: the card's where frames are made here and it has one.",
    )
    enable_tensorrt: bool = Field(
        default=False, validation_alias="ENABLE_TENSORRT", description="Engines of TensorRT."
    )
    enable_fp16: bool = Field(
        default=True, validation_alias="ENABLE_FP16", description="16-bit floats where faster."
    )
    max_batch_size: int | None = Field(
        default=None, ge=1, validation_alias="MAX_BATCH_SIZE", description="Frames at once."
    )
    watermark: bool = Field(
        default=True,
        description="Frames carry an invisible mark that outlives another encoding.",
    )
    signing_credential: Path | None = Field(
        default=None,
        description="PEM file that videos are signed with: key, certificate, chain. Empty: one "
        "for development.",
    )
    threads: int = Field(default=1, ge=1, description="Torch's threads; more only spin on CPUs.")
    network_threads: int = Field(
        default_factory=lambda: os.cpu_count() or 1,
        ge=1,
        description="Threads of a renderer's network on a CPU; empty: one a core.",
    )
    mistral_api_key: SecretStr | None = Field(default=None, validation_alias="MISTRAL_API_KEY")
    mistral_url: str | None = Field(default=None, description="Another server of Mistral's API.")
    consent: ConsentPolicy = Field(
        default=ConsentPolicy.OFF, description="Consent of whoever is shown: off, warn or require."
    )
    screening: Literal["off", "words", "mistral"] = Field(
        default="words", description="What looks over scripts before they are spoken."
    )
    screening_words: Path | None = Field(
        default=None, description="JSON file, each kind with its phrases. Empty: a short list."
    )
    rates: Path | None = Field(
        default=None, description="JSON file: what a core-second, a token, … costs us."
    )
    langfuse_public_key: str = Field(
        default="", validation_alias="LANGFUSE_PUBLIC_KEY", description="Empty: nothing is traced."
    )
    langfuse_secret_key: SecretStr = Field(
        default=SecretStr(""), validation_alias="LANGFUSE_SECRET_KEY"
    )
    langfuse_url: str = Field(
        default="https://cloud.langfuse.com", validation_alias="LANGFUSE_BASE_URL"
    )
    langfuse_sampled: float = Field(
        default=1.0,
        ge=0,
        le=1,
        validation_alias="LANGFUSE_SAMPLE_RATE",
        description="Share of the videos that are traced.",
    )
    langfuse_environment: str = Field(
        default="default", validation_alias="LANGFUSE_TRACING_ENVIRONMENT"
    )
    langfuse_words: bool = Field(
        default=False,
        validation_alias="LANGFUSE_WORDS",
        description="Topics and scripts are sent too, not only their lengths.",
    )

    @property
    def segments_at_once(self) -> int:
        return self.render_at_once or (4 if self.device.startswith("cuda") else 1)

    @property
    def results(self) -> Path:
        """Prefect's records of cached tasks, where Prefect isn't told of a block for them."""
        away = "://" in self.store
        return (self.prefect_home if away else Path(self.store)) / "results"


def limit_threads() -> None:
    """Keep torch to its threads: small operations on many of them are several times slower."""
    import torch

    torch.set_num_threads(settings().threads)


@cache
def settings() -> Settings:
    return Settings()
