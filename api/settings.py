"""The gateway's environment, read here and nowhere else."""

from decimal import Decimal
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from api.guard import Policy
from models.assets import DEFAULT_CACHE
from models.consent import ConsentPolicy

HOME = DEFAULT_CACHE.parent
SHORTEST_SECRET = 32  # bytes, as RFC 7518 asks of HS256
SYMMETRIC = frozenset({"HS256", "HS384", "HS512"})
ASYMMETRIC = frozenset({"RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"})


class Settings(BaseSettings):
    """Each field is AVATAR_NAME in the environment, except where another name stands."""

    model_config = SettingsConfigDict(env_prefix="AVATAR_", frozen=True, populate_by_name=True)

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8005, ge=0, le=65535, description="Port to listen on.")
    public_url: str | None = Field(
        default=None, description="How callers reach it, for links: https://avatar.example.com."
    )
    forwarded_allow_ips: str = Field(
        default="127.0.0.1", description="Proxies whose X-Forwarded headers are believed."
    )
    open_access: bool = Field(
        default=False, description="Callers of this machine need no key: a laptop's studio."
    )
    cors_origins: tuple[str, ...] = Field(default=(), description="Web pages that may call.")
    metrics_token: SecretStr | None = Field(
        default=None, description="Bearer token of /metrics. Empty: only this machine may read it."
    )

    database_url: str = Field(
        default=f"sqlite+aiosqlite:///{HOME / 'gateway.db'}",
        validation_alias="DATABASE_URL",
        description="SQLite or postgresql://…: owners, videos, receipts, webhooks.",
    )
    redis_url: SecretStr | None = Field(default=None, validation_alias="REDIS_URL")
    store: str = Field(default=str(HOME / "store"), description="A folder, or s3://BUCKET/PREFIX.")

    destination_buckets: tuple[str, ...] = Field(
        default=(),
        description="Buckets, or BUCKET/PREFIX, that callers may have their videos written to.",
    )

    prefect_url: str = Field(
        default="http://127.0.0.1:4200/api", validation_alias="PREFECT_API_URL"
    )
    prefect_auth: SecretStr | None = Field(
        default=None, validation_alias="PREFECT_API_AUTH_STRING", description="user:password"
    )
    video_deployment: str = "avatar-video/cpu"
    preflight_deployment: str = "preflight/cpu"

    webhook_key: SecretStr | None = Field(
        default=None,
        description="Encrypts the secrets of webhooks. Several, with commas: the first encrypts, "
        "all decrypt. Empty: one that lies in the database beside them.",
    )
    call_networks: tuple[str, ...] = Field(
        default=(), description="Networks beside the internet that webhooks and inputs may be on."
    )
    call_ports: tuple[int, ...] = Field(default=(80, 443), description="Ports that may be called.")
    call_plain_http: bool = Field(default=False, description="http:// may be called too.")

    jwt_secret: SecretStr | None = Field(default=None, validation_alias="JWT_SECRET")
    jwt_jwks: str | None = Field(
        default=None, validation_alias="JWT_JWKS", description="https://… or a file of public keys."
    )
    jwt_algorithm: str | None = Field(default=None, validation_alias="JWT_ALGORITHM")
    jwt_issuer: str | None = Field(default=None, validation_alias="JWT_ISSUER")
    jwt_audience: str | None = Field(default=None, validation_alias="JWT_AUDIENCE")

    requests_per_minute: int = Field(
        default=10, ge=1, description="A user's videos, batches and preflights a minute."
    )
    calls_per_minute: int = Field(
        default=600, ge=1, description="A user's other calls a minute: reads, uploads, quotes."
    )
    price_per_minute: Decimal = Field(default=Decimal("0"), ge=0, description="Of finished video.")
    price_per_video: Decimal = Field(default=Decimal("0"), ge=0, description="On top, a video.")
    currency: str = Field(default="USD", pattern="^[A-Z]{3}$")
    screening: Literal["off", "words", "mistral"] = Field(
        default="words", description="Here only by the list of words; workers ask Mistral."
    )
    screening_words: Path | None = Field(default=None, description="Another list, JSON.")
    keep_videos_days: float = Field(
        default=0, ge=0, description="Finished videos are deleted after so many. 0: never."
    )
    langfuse_public_key: str = Field(default="", validation_alias="LANGFUSE_PUBLIC_KEY")
    langfuse_secret_key: SecretStr = Field(
        default=SecretStr(""), validation_alias="LANGFUSE_SECRET_KEY"
    )
    langfuse_url: str = Field(
        default="https://cloud.langfuse.com", validation_alias="LANGFUSE_BASE_URL"
    )
    consent: ConsentPolicy = Field(
        default=ConsentPolicy.OFF, description="Consent of whoever is shown: off, warn or require."
    )
    link_hours: float = Field(default=24, gt=0, le=168, description="How long a link holds.")

    @model_validator(mode="after")
    def _tokens_are_pinned(self) -> Self:
        """A token is checked with one algorithm, one issuer and one audience, or not at all."""
        if self.jwt_secret is None and self.jwt_jwks is None:
            return self
        if self.jwt_secret is not None and self.jwt_jwks is not None:
            raise ValueError("JWT_SECRET and JWT_JWKS are both set: use one")
        if not self.jwt_issuer or not self.jwt_audience:
            raise ValueError("JWT_ISSUER and JWT_AUDIENCE must be set: tokens are checked for both")
        allowed = SYMMETRIC if self.jwt_secret is not None else ASYMMETRIC
        if self.token_algorithm not in allowed:
            raise ValueError(
                f"JWT_ALGORITHM {self.token_algorithm} cannot be used here: "
                f"use one of {', '.join(sorted(allowed))}"
            )
        secret = self.jwt_secret.get_secret_value() if self.jwt_secret else None
        if secret is not None and len(secret.encode()) < SHORTEST_SECRET:
            raise ValueError(f"JWT_SECRET is too short: use at least {SHORTEST_SECRET} bytes")
        return self

    @model_validator(mode="after")
    def _calls_can_be_made(self) -> Self:
        _ = self.outgoing  # raises ValueError where a network is none
        if any(len(key) < SHORTEST_SECRET for key in self.webhook_keys):
            raise ValueError(f"AVATAR_WEBHOOK_KEY is too short: use {SHORTEST_SECRET} characters")
        return self

    @property
    def webhook_keys(self) -> tuple[str, ...]:
        given = self.webhook_key.get_secret_value() if self.webhook_key else ""
        return tuple(key.strip() for key in given.split(",") if key.strip())

    @property
    def outgoing(self) -> Policy:
        return Policy.of(self.call_networks, self.call_ports, plain_http=self.call_plain_http)

    @property
    def token_algorithm(self) -> str:
        return self.jwt_algorithm or ("HS256" if self.jwt_secret is not None else "RS256")

    @property
    def async_database_url(self) -> str:
        """With the asynchronous driver, whichever form the operator wrote."""
        for given, driver in (
            ("postgresql://", "postgresql+asyncpg://"),
            ("postgres://", "postgresql+asyncpg://"),
            ("sqlite:///", "sqlite+aiosqlite:///"),
        ):
            if self.database_url.startswith(given):
                return driver + self.database_url.removeprefix(given)
        return self.database_url

    @property
    def local_store(self) -> Path | None:
        return None if "://" in self.store else Path(self.store)
