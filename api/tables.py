"""What the gateway keeps: owners and their things. Prefect keeps how each run went.

Times are UTC, money is in millionths of the currency, and what has a shape of its own is JSON.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    true,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

ID = String(48)
OWNER = String(128)
BIG = BigInteger().with_variant(Integer, "sqlite")  # only INTEGER counts up by itself there


class UtcTime(TypeDecorator[datetime]):
    """SQLite forgets the zone; it is always UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


class Table(DeclarativeBase):
    type_annotation_map = {datetime: UtcTime(), dict[str, Any]: JSON}  # noqa: RUF012


class ApiKey(Table):
    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    owner: Mapped[str] = mapped_column(OWNER, index=True)
    name: Mapped[str] = mapped_column(String(128))
    prefix: Mapped[str] = mapped_column(String(32))  # shown in lists, opens nothing
    hash: Mapped[str] = mapped_column(String(64), unique=True)  # sha256 of the whole key
    scopes: Mapped[str] = mapped_column(String(128))  # space between
    requests_per_minute: Mapped[int | None]
    calls_per_minute: Mapped[int | None]
    monthly_budget: Mapped[int | None] = mapped_column(BigInteger)
    hard_stop: Mapped[bool] = mapped_column(  # what would exceed the budget is refused
        default=True, server_default=true()
    )
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class Upload(Table):
    __tablename__ = "uploads"
    __table_args__ = (UniqueConstraint("owner", "sha256"),)

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    owner: Mapped[str] = mapped_column(OWNER)
    status: Mapped[str] = mapped_column(String(16))  # ready, or pending while it goes to S3
    sha256: Mapped[str | None] = mapped_column(String(64), index=True)
    key: Mapped[str] = mapped_column(String(256))  # in the store
    kind: Mapped[str] = mapped_column(String(16))  # image, audio
    media_type: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(BigInteger)  # bytes
    width: Mapped[int | None]
    height: Mapped[int | None]
    duration_s: Mapped[float | None]  # of a recording, where it is known
    created_at: Mapped[datetime]


class Video(Table):
    """A video from the moment it is accepted. Not yet dispatched: `run_id` is empty."""

    __tablename__ = "videos"
    __table_args__ = (
        Index("videos_of_owner", "owner", "id"),
        Index("videos_open", "open", "id"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    owner: Mapped[str] = mapped_column(OWNER)
    key_id: Mapped[str] = mapped_column(OWNER)  # who pays: the key, or the token's subject
    batch_id: Mapped[str | None] = mapped_column(ID, index=True)
    request_id: Mapped[str | None] = mapped_column(OWNER)  # of the HTTP request that asked
    request: Mapped[dict[str, Any]] = mapped_column(JSON)  # as it was asked for
    order: Mapped[dict[str, Any]] = mapped_column(JSON)  # models.contracts.VideoRequest
    labels: Mapped[dict[str, Any]] = mapped_column(JSON)  # the caller's own
    queue: Mapped[str] = mapped_column(String(16))
    status: Mapped[str] = mapped_column(String(16))
    open: Mapped[bool]  # not yet done, failed or cancelled
    stage: Mapped[str | None] = mapped_column(String(64))
    percent: Mapped[float] = mapped_column(default=0.0)
    position: Mapped[int | None]  # among those that wait, 1 is next
    eta_s: Mapped[float | None]
    speech_s: Mapped[float]  # quoted
    quoted: Mapped[int] = mapped_column(BigInteger)
    price: Mapped[int | None] = mapped_column(BigInteger)  # of what was made
    error: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON)  # models.contracts.VideoResult
    fetching: Mapped[bool] = mapped_column(  # inputs that are named by address; no order yet
        default=False, server_default=false()
    )
    destination: Mapped[dict[str, Any] | None] = mapped_column(JSON)  # as it is shown
    cancel_asked: Mapped[bool] = mapped_column(default=False)
    claimed: Mapped[bool] = mapped_column(default=False)  # a dispatcher has begun with it
    run_id: Mapped[str | None] = mapped_column(String(36), index=True)
    runs: Mapped[int] = mapped_column(default=0)  # how many Prefect was given, normally one
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class Export(Table):
    """A video that is to be sent to its caller's storage, until it has been."""

    __tablename__ = "exports"

    video_id: Mapped[str] = mapped_column(
        ForeignKey("videos.id", ondelete="CASCADE"), primary_key=True
    )
    url: Mapped[str] = mapped_column(Text)  # a secret, where it is presigned
    headers: Mapped[dict[str, Any]] = mapped_column(JSON)
    attempts: Mapped[int]
    due_at: Mapped[datetime] = mapped_column(index=True)


class Event(Table):
    """What happened to a video, in order: the stream of /events is read from here."""

    __tablename__ = "events"
    __table_args__ = (Index("events_of_video", "video_id", "id"),)

    id: Mapped[int] = mapped_column(BIG, primary_key=True, autoincrement=True)
    video_id: Mapped[str] = mapped_column(ForeignKey("videos.id", ondelete="CASCADE"))
    type: Mapped[str] = mapped_column(String(32))
    data: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime]


class WebhookOutbox(Table):
    """Events that callers asked to be told of; written together with what they tell."""

    __tablename__ = "webhook_outbox"

    id: Mapped[str] = mapped_column(ID, primary_key=True)  # evt_…, the message's id
    owner: Mapped[str] = mapped_column(OWNER)
    type: Mapped[str] = mapped_column(String(32))  # video.done
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime]
    taken_at: Mapped[datetime | None] = mapped_column(index=True)  # made into deliveries


class Charge(Table):
    """One video's cost, kept when the video is deleted: usage and budgets are sums of these."""

    __tablename__ = "charges"
    __table_args__ = (Index("charges_of_key", "key_id", "day"), Index("charges_of_owner", "owner"))

    video_id: Mapped[str] = mapped_column(ID, primary_key=True)
    owner: Mapped[str] = mapped_column(OWNER)
    key_id: Mapped[str] = mapped_column(OWNER)
    day: Mapped[str] = mapped_column(String(10))  # 2026-11-24, UTC
    status: Mapped[str] = mapped_column(String(16))  # open, done, failed, cancelled
    amount: Mapped[int] = mapped_column(BigInteger)  # reserved while open, then what it cost
    video_s: Mapped[float] = mapped_column(default=0.0)
    render_s: Mapped[float] = mapped_column(default=0.0)
    # what it took, and what that cost us, as its receipt says
    cpu_s: Mapped[float] = mapped_column(default=0.0, server_default="0")
    gpu_s: Mapped[float] = mapped_column(default=0.0, server_default="0")
    tokens: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    speech_chars: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    stored_bytes: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    cost: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")


class BudgetAlert(Table):
    """A share of a key's monthly budget that was reached, and told of once."""

    __tablename__ = "budget_alerts"

    key_id: Mapped[str] = mapped_column(OWNER, primary_key=True)
    month: Mapped[str] = mapped_column(String(7), primary_key=True)  # 2026-11
    level: Mapped[int] = mapped_column(primary_key=True)  # percent
    created_at: Mapped[datetime]


class Forgotten(Table):
    """A deleted video or upload, until nothing of it is left anywhere (api.forgetting)."""

    __tablename__ = "forgotten"

    name: Mapped[str] = mapped_column(ID, primary_key=True)
    owner: Mapped[str] = mapped_column(OWNER)
    key: Mapped[str | None] = mapped_column(String(256))  # of an upload, in the store
    run_id: Mapped[str | None] = mapped_column(String(36))
    order: Mapped[dict[str, Any]] = mapped_column(JSON)  # what it was made of
    due_at: Mapped[datetime] = mapped_column(index=True)


class Answered(Table):
    """What an Idempotency-Key was answered, for a day."""

    __tablename__ = "idempotency"

    owner: Mapped[str] = mapped_column(OWNER, primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    route: Mapped[str] = mapped_column(String(64), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))  # sha256 of the body
    status: Mapped[int | None]  # empty while the first request is being answered
    body: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    headers: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(index=True)
    claim: Mapped[str] = mapped_column(ID)  # of the request that is answering


class Examination(Table):
    """A preflight: what it found is kept under a digest of what was asked."""

    __tablename__ = "preflights"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    owner: Mapped[str] = mapped_column(OWNER)
    digest: Mapped[str] = mapped_column(String(64), index=True)
    request: Mapped[dict[str, Any]] = mapped_column(JSON)
    order: Mapped[dict[str, Any]] = mapped_column(JSON)
    run_id: Mapped[str | None] = mapped_column(String(36))
    created_at: Mapped[datetime]


class Batch(Table):
    __tablename__ = "batches"
    __table_args__ = (Index("batches_of_owner", "owner", "id"),)

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    owner: Mapped[str] = mapped_column(OWNER)
    name: Mapped[str] = mapped_column(String(128))
    videos: Mapped[int]
    created_at: Mapped[datetime]


class Lease(Table):
    """Which process does what only one may do."""

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    holder: Mapped[str] = mapped_column(String(64))
    until: Mapped[datetime]


class Secret(Table):
    """Made by the first gateway that starts, shared by all."""

    __tablename__ = "secrets"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    value: Mapped[str] = mapped_column(Text)
