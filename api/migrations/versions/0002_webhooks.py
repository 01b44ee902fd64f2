"""Webhook endpoints, deliveries, and inputs that are fetched"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("DELETE FROM webhook_outbox")  # of a shape that nobody was told
    op.add_column(
        "videos",
        sa.Column("fetching", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.create_table(
        "callback_secrets",
        sa.Column("owner", sa.String(length=128), nullable=False),
        *_signed(),
        sa.PrimaryKeyConstraint("owner"),
    )
    op.create_table(
        "webhook_endpoints",
        sa.Column("id", sa.String(length=48), nullable=False),
        sa.Column("owner", sa.String(length=128), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("description", sa.String(length=500), nullable=False),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("disabled_reason", sa.String(length=500), nullable=True),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        *_signed(),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("webhook_endpoints_of_owner", "webhook_endpoints", ["owner", "id"])
    _deliveries()


def _signed() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("previous_secret", sa.Text(), nullable=True),
        sa.Column("previous_until", sa.DateTime(timezone=True), nullable=True),
    )


def _deliveries() -> None:
    table = "webhook_deliveries"
    op.create_table(
        table,
        sa.Column("id", sa.String(length=48), nullable=False),
        sa.Column("owner", sa.String(length=128), nullable=False),
        sa.Column("event_id", sa.String(length=48), nullable=False),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("target", sa.String(length=48), nullable=False),
        sa.Column("endpoint_id", sa.String(length=48), nullable=True),
        sa.Column("video_id", sa.String(length=48), nullable=True),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("host", sa.String(length=256), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("log", sa.JSON(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("claim", sa.String(length=48), nullable=True),
        sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["event_id"], ["webhook_outbox.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["endpoint_id"], ["webhook_endpoints.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("event_id", "target"),
    )
    op.create_index("webhook_deliveries_due", table, ["status", "due_at"])
    op.create_index("webhook_deliveries_of_owner", table, ["owner", "id"])
    op.create_index("webhook_deliveries_of_endpoint", table, ["endpoint_id", "id"])
    op.create_index("webhook_deliveries_of_video", table, ["video_id", "id"])
