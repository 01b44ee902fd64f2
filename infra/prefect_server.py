"""Prefect's server, whose writers wait in line where the database is SQLite.

Stock, they meet in the database. A transaction that reads and then writes fails at once if
another one wrote in between ("database is locked", 503, tried again after seconds); and a cursor
that is garbage-collected waits, in the event loop, for its connection, which waits for a writer,
who waits for the event loop: for a minute nothing answers. Eight clients suffice for both. Here a
transaction begins when the one before it has ended, and takes the right to write with it.

`python -m infra.prefect_server [HOST [PORT]]`; the rest are Prefect's own settings. Beside
PostgreSQL it is Prefect's server as it comes.
"""

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from weakref import WeakKeyDictionary

import uvicorn
from prefect.server.database.configurations import SQLITE_BEGIN_MODE, AioSqliteConfiguration
from prefect.settings import get_current_settings
from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction

APP = "prefect.server.api.server:create_app"

_lines: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()
_first_in_line: ContextVar[bool] = ContextVar("first_in_line", default=False)


def queue_writers() -> None:
    """For all of Prefect's SQLite databases in this process."""
    AioSqliteConfiguration.begin_transaction = _in_line  # type: ignore[method-assign,assignment]


@asynccontextmanager
async def _in_line(
    configuration: AioSqliteConfiguration, session: AsyncSession, with_for_update: bool = False
) -> AsyncGenerator[AsyncSessionTransaction, None]:
    if _first_in_line.get():  # within a transaction: waiting for it would be for ever
        async with _writing(session) as transaction:
            yield transaction
        return
    async with _lines.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
        token = _first_in_line.set(True)
        try:
            async with _writing(session) as transaction:
                yield transaction
        finally:
            _first_in_line.reset(token)


@asynccontextmanager
async def _writing(session: AsyncSession) -> AsyncGenerator[AsyncSessionTransaction, None]:
    token = SQLITE_BEGIN_MODE.set("IMMEDIATE")
    try:
        async with session.begin() as transaction:
            yield transaction
    finally:
        SQLITE_BEGIN_MODE.reset(token)


def main(host: str = "127.0.0.1", port: str = "4200") -> None:
    """Serve until a signal."""
    queue_writers()
    keep_alive_s = get_current_settings().server.api.keepalive_timeout
    uvicorn.run(APP, factory=True, host=host, port=int(port), timeout_keep_alive=keep_alive_s)


if __name__ == "__main__":
    main(*sys.argv[1:])
