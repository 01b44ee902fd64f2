"""The steps of docs/disaster-recovery.md, on the gateway's own schema and rows."""

import asyncio
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from api.database import Database
from api.tables import ApiKey

PROGRAMS = Path("/usr/lib/postgresql")


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[Path, str]]:
    """Programs and the address of a PostgreSQL that ends with the tests."""
    programs = next(iter(sorted(PROGRAMS.glob("*/bin"), reverse=True)), None)
    if programs is None:
        pytest.skip("needs Debian's postgresql")
    folder = Path(tempfile.mkdtemp(prefix="avatar-postgres-"))  # where another user may go
    as_user: list[str] = []
    if os.getuid() == 0:  # PostgreSQL refuses root
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        shutil.chown(folder, "postgres", "postgres")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    data = folder / "data"
    control = [*as_user, str(programs / "pg_ctl"), "--pgdata", str(data)]
    initdb = [*as_user, str(programs / "initdb"), "--auth=trust", "--username=avatar", "--no-sync"]
    subprocess.run([*initdb, "--pgdata", str(data)], check=True, capture_output=True, cwd="/")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c fsync=off -k {folder}"
    log = ["--log", str(folder / "log")]
    subprocess.run([*control, "start", "--wait", "-o", options, *log], check=True, cwd="/")
    try:
        yield programs, f"postgresql://avatar@127.0.0.1:{port}"
    finally:
        subprocess.run([*control, "stop", "--mode=immediate"], check=True, cwd="/")
        shutil.rmtree(folder)


def test_a_dump_brings_every_row_back(server: tuple[Path, str], tmp_path: Path) -> None:
    programs, address = server
    dump = tmp_path / "avatar.dump"

    def program(name: str, *arguments: str) -> None:
        subprocess.run([programs / name, *arguments], check=True, capture_output=True)

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
