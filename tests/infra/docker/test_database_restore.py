"""The steps of docs/disaster-recovery.md, on the gateway's own schema and rows."""

import asyncio
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from api.database import Database
from api.tables import ApiKey
from tests.stack.servers import Postgres, postgres_files


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres_files() as files, files.serving():
        yield files


def test_a_dump_brings_every_row_back(server: Postgres, tmp_path: Path) -> None:
    address = f"postgresql://prefect@127.0.0.1:{server.port}"
    dump = tmp_path / "avatar.dump"

    def program(name: str, *arguments: str) -> None:
        subprocess.run([server.programs / name, *arguments], check=True, capture_output=True)

    for name in ("before", "after"):
        program("createdb", f"--maintenance-db={address}/postgres", name)
    kept = asyncio.run(_fill(f"{address}/before"))
    program("pg_dump", "--format=custom", f"--file={dump}", f"{address}/before")
    program("pg_restore", "--no-owner", "--exit-on-error", f"--dbname={address}/after", str(dump))
    assert asyncio.run(_hashes(f"{address}/after")) == [kept]


async def _fill(url: str) -> str:
    database = Database(url.replace("postgresql://", "postgresql+asyncpg://"))
    await database.migrate()
    at = datetime(2026, 1, 1, tzinfo=UTC)
    key = ApiKey(
        id="key_1", owner="anna", name="k", prefix="av", hash="0" * 64, scopes="", created_at=at
    )
    async with database.writing() as session:
        session.add(key)
    await database.close()
    return "0" * 64


async def _hashes(url: str) -> list[str]:
    """Of every key; migrated again, as a gateway that starts does."""
    database = Database(url.replace("postgresql://", "postgresql+asyncpg://"))
    await database.migrate()
    async with database.reading() as session:
        found = list(await session.scalars(select(ApiKey.hash)))
    await database.close()
    return found
