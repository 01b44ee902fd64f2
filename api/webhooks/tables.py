"""Where callers want to be told, and what became of each telling."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from api.tables import ID, OWNER, Table


class Signed:
    """A secret and, for a day after its rotation, the one before it; both encrypted."""

    secret: Mapped[str] = mapped_column(Text)
    previous_secret: Mapped[str | None] = mapped_column(Text)
    previous_until: Mapped[datetime | None]


class Endpoint(Signed, Table):
    __tablename__ = "webhook_endpoints"
    __table_args__ = (Index("webhook_endpoints_of_owner", "owner", "id"),)

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    owner: Mapped[str] = mapped_column(OWNER)
    url: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(String(500))
    events: Mapped[list[str]] = mapped_column(JSON)  # types; none: all of them
    enabled: Mapped[bool]
    disabled_reason: Mapped[str | None] = mapped_column(String(500))
    failing_since: Mapped[datetime | None]  # no success since then
    created_at: Mapped[datetime]


class CallbackSecret(Signed, Table):
    """What the `callback_url`s of an owner's videos are signed with."""

    __tablename__ = "callback_secrets"

    owner: Mapped[str] = mapped_column(OWNER, primary_key=True)


class Delivery(Table):
    """One event on its way to one place."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        UniqueConstraint("event_id", "target"),
        Index("webhook_deliveries_due", "status", "due_at"),
        Index("webhook_deliveries_of_owner", "owner", "id"),
        Index("webhook_deliveries_of_endpoint", "endpoint_id", "id"),
        Index("webhook_deliveries_of_video", "video_id", "id"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    owner: Mapped[str] = mapped_column(OWNER)
    event_id: Mapped[str] = mapped_column(ForeignKey("webhook_outbox.id", ondelete="CASCADE"))
    type: Mapped[str] = mapped_column(String(32))
    target: Mapped[str] = mapped_column(ID)  # the endpoint, or the video with a callback_url
    endpoint_id: Mapped[str | None] = mapped_column(
        ForeignKey("webhook_endpoints.id", ondelete="CASCADE")
    )
    video_id: Mapped[str | None] = mapped_column(ID)
    url: Mapped[str] = mapped_column(Text)
    host: Mapped[str] = mapped_column(String(256))
    status: Mapped[str] = mapped_column(String(16))  # pending, delivered, dead
    attempts: Mapped[int]  # since it was made, or replayed
    log: Mapped[list[dict[str, Any]]] = mapped_column(
        JSON
    )  # the latest attempts, the last one last
    due_at: Mapped[datetime | None]  # of the next attempt
    claim: Mapped[str | None] = mapped_column(ID)  # of the deliverer that is sending it
    claimed_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    delivered_at: Mapped[datetime | None]
