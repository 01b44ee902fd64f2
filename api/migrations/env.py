"""Called by Alembic with the gateway's own connection."""

from typing import Literal

from alembic import context

from api.tables import Table, UtcTime
from api.webhooks import tables as _webhooks  # noqa: F401, for the metadata


def _plain(kind: str, item: object, _context: object) -> str | Literal[False]:
    """A migration must not change with the code: our own type is written as what it stores."""
    return "sa.DateTime(timezone=True)" if isinstance(item, UtcTime) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    render_item=_plain,
    compare_type=True,
)
context.run_migrations()
