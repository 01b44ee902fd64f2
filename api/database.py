"""Connections to SQLite or Postgres: `reading()` never waits for a writer, `writing()` commits."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy import Connection, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

LOCK_WAIT_S = 15
POOL = 10
READING = {
    "isolation_level": "AUTOCOMMIT",
    "skip_autocommit_rollback": True,
    "pool_reset_on_return": None,
}
MIGRATIONS = Path(__file__).parent / "migrations"


class Database:
    def __init__(self, url: str) -> None:
        self.url = url
        self.sqlite = make_url(url).get_backend_name() == "sqlite"
        make = _sqlite if self.sqlite else _postgres
        self.engine, self._reader = make(url), make(url, **READING)
        self._line: AbstractAsyncContextManager[None] = (
            asyncio.Lock() if self.sqlite else nullcontext()
        )

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """Each statement for itself: a transaction would double what a read costs."""
        async with AsyncSession(self._reader, expire_on_commit=False) as session:
            yield session

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncSession]:
        """One transaction, committed at the end of the block, undone where it raises.

        SQLite's writers stand in line here: left to themselves they sleep and try again, ever
        longer, and the unlucky ones for seconds.
        """
        async with self._line, self.engine.connect() as connection:
            await connection.execution_options(writes=True)
            async with (
                connection.begin(),
                AsyncSession(
                    bind=connection, expire_on_commit=False, join_transaction_mode="rollback_only"
                ) as session,
            ):
                yield session
                await session.flush()

    async def ready(self) -> None:
        async with self.engine.connect() as connection:
            await connection.exec_driver_sql("SELECT 1")

    async def migrate(self) -> None:
        """Bring the tables to this version; side by side starts wait for each other."""
        async with self.engine.connect() as connection:
            await connection.execution_options(writes=True)
            async with connection.begin():
                if not self.sqlite:
                    await connection.exec_driver_sql("SELECT pg_advisory_xact_lock(8005)")
                await connection.run_sync(_upgrade)

    async def close(self) -> None:
        await self.engine.dispose()
        await self._reader.dispose()


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _postgres(url: str, **options: Any) -> AsyncEngine:  # noqa: ANN401, SQLAlchemy's
    return create_async_engine(
        url,
        **options,
        pool_size=POOL,
        max_overflow=POOL,
        pool_pre_ping=True,  # the server may have been restarted
        connect_args={"timeout": LOCK_WAIT_S, "command_timeout": 2 * LOCK_WAIT_S},
    )


def _sqlite(url: str, **options: Any) -> AsyncEngine:  # noqa: ANN401, SQLAlchemy's
    place = make_url(url).database
    if place and place != ":memory:":
        Path(place).parent.mkdir(parents=True, exist_ok=True)
    engine = create_async_engine(
        url, **options, pool_size=POOL, max_overflow=POOL, connect_args={"timeout": LOCK_WAIT_S}
    )
    event.listen(engine.sync_engine, "connect", _prepare)
    if not options:
        event.listen(engine.sync_engine, "begin", _begin)
    return engine


def _prepare(connection: DBAPIConnection, _record: object) -> None:
    """Readers beside one writer; what is committed survives a power cut.

    The driver is kept from starting transactions by itself.
    """
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    """A writer takes its lock first: taking it half-way fails at once instead of waiting."""
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def is_duplicate(error: IntegrityError) -> bool:
    text = str(error.orig).lower()
    return "unique" in text or "duplicate" in text


REFUSING = (  # PostgreSQL's own, as it starts, stops or is full; met while connecting
    asyncpg.PostgresConnectionError,
    asyncpg.exceptions.OperatorInterventionError,
    asyncpg.exceptions.InsufficientResourcesError,
)


def is_away(error: Exception) -> bool:
    """Whether the database, and not what was asked of it, is the reason."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)
    return isinstance(error, (ConnectionError, TimeoutError, PoolTimeout, *REFUSING))
