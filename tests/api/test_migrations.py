"""The migrations make what the tables say."""

from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from api.database import Database
from api.tables import Table
from tests.api.running import Api


def test_the_migrations_make_the_tables_of_the_code(api: Api) -> None:
    def differences(connection: Connection) -> list[Any]:
        exact = connection.dialect.name == "postgresql"  # SQLite has one kind of number
        context = MigrationContext.configure(connection, opts={"compare_type": exact})
        return list(compare_metadata(context, Table.metadata))

    async def compare(database: Database) -> list[Any]:
        async with database.engine.connect() as connection:
            return await connection.run_sync(differences)

    assert api.in_database(compare) == []
