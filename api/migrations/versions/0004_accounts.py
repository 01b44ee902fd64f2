"""What videos took and cost us, budgets that warn, and the request that a video came with"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

FLOATS, WHOLE = ("cpu_s", "gpu_s"), ("tokens", "speech_chars", "stored_bytes", "cost")


def upgrade() -> None:
    op.add_column("videos", sa.Column("request_id", sa.String(length=128), nullable=True))
    op.add_column(
        "api_keys",
        sa.Column("hard_stop", sa.Boolean(), nullable=False, server_default=sa.true()),
    )
    kinds = dict.fromkeys(FLOATS, sa.Float()) | dict.fromkeys(WHOLE, sa.BigInteger())
    for name, kind in kinds.items():
        op.add_column("charges", sa.Column(name, kind, nullable=False, server_default="0"))
    op.create_table(
        "budget_alerts",
        sa.Column("key_id", sa.String(length=128), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key_id", "month", "level"),
    )
