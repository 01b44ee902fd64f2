"""docs/disaster-recovery.md, pasted into a shell: what was kept comes back, byte by byte.

The models are kept by the flow itself, in a bucket on moto's server; the database is the gateway's,
restored into another server of PostgreSQL. What a backup did is what the exporter then tells.
"""

import asyncio
import os
import random
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import boto3
import httpx
import pytest
from moto.server import ThreadedMotoServer

from api.database import Database
from api.tables import ApiKey
from models.backup import BackupReport
from models.errors import InvalidRequest
from tasks.settings import settings
from tests.prefect_here import prefect_server
from tests.stack.processes import eventually, free_port
from tests.stack.servers import Postgres, postgres_files

__all__ = ["prefect_server"]

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "disaster-recovery.md"
BUCKET = "avatar-models"
METRIC = "avatar_pool_last_backup_timestamp_seconds"


def steps(chapter: str) -> str:
    """What stands in the chapter to be pasted."""
    text = GUIDE.read_text(encoding="utf-8").split(f"\n## {chapter}\n")[1].split("\n## ")[0]
    (block,) = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    return str(block)


def paste(chapter: str, folder: Path, given: Mapping[str, str]) -> None:
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", steps(chapter)],
        cwd=folder,
        env={**os.environ, "PATH": programs, **given},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Its address, where AWS's settings lead."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    for name, value in {
        "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{server.get_host_and_port()[1]}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    yield f"s3://{BUCKET}/backup"
    server.stop()


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of weights and engines, some of them alike."""
    source, folder = random.Random(1), tmp_path / "models"
    for name in ("face.npz", "weights/wav2lip/model.safetensors", "plans/t4/decoder.plan"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(source.randbytes(100_000))
    (folder / "weights/wav2lip/copy.safetensors").write_bytes((folder / "face.npz").read_bytes())
    monkeypatch.setenv("AVATAR_MODELS", str(folder))
    monkeypatch.setenv("AVATAR_STORE", str(tmp_path / "store"))
    settings.cache_clear()
    yield folder
    settings.cache_clear()


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def keep(place: str) -> BackupReport:
    """The flow, as its deployment runs it."""
    from flows.backup_models import backup_models

    return backup_models(place, keep=2)


def test_models_come_back_by_the_guide(
    prefect_server: None, models: Path, bucket: str, tmp_path: Path
) -> None:
    before = contents(models)
    report = keep(bucket)
    assert (report.files, report.copied, report.verified) == (4, 3, 3)
    again = tmp_path / "again"
    paste("Models", tmp_path, {"AVATAR_BACKUP": bucket, "AVATAR_MODELS": str(again)})
    assert contents(again) == before


def test_a_damaged_model_is_set_right_by_the_guide(
    prefect_server: None, models: Path, bucket: str, tmp_path: Path
) -> None:
    before = contents(models)
    keep(bucket)
    (models / "face.npz").write_bytes(b"torn")
    (models / "plans/t4/decoder.plan").unlink()
    paste("Models", tmp_path, {"AVATAR_BACKUP": bucket, "AVATAR_MODELS": str(models)})
    assert contents(models) == before


def test_the_exporter_tells_of_backups_that_ended_well_alone(
    prefect_server: None, models: Path, bucket: str, tmp_path: Path
) -> None:
    subprocess.run([sys.executable, "-m", "infra.pools"], check=True, capture_output=True)
    before = told(tmp_path)  # other tests' runs, or 0: never, and BackupMissing fires
    with pytest.raises(InvalidRequest, match="lies in the folder"):
        keep(str(models / "inside"))
    assert told(tmp_path) == before
    began = datetime.now(UTC).timestamp()
    keep(bucket)
    assert began - 1 < told(tmp_path) < datetime.now(UTC).timestamp() + 1


def told(folder: Path) -> float:
    """By a new exporter, for a pool that somebody else scales."""
    port, log = free_port(), folder / "exporter.log"
    given = {"AVATAR_SCALE_WATCH_ONLY": "true", "AVATAR_SCALE_PORT": str(port)}
    with log.open("w") as out:
        exporter = subprocess.Popen(
            [sys.executable, "-m", "infra.autoscaler"], env=dict(os.environ) | given, stderr=out
        )
    try:
        return eventually(lambda: _metric(port), 90, log.read_text)
    finally:
        exporter.terminate()
        exporter.wait(10)


def _metric(port: int) -> float | None:
    """None until the pool and the backups have been looked at."""
    try:
        text = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    except httpx.TransportError:
        return None
    found = re.search(rf"^{METRIC} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found and "avatar_pool_up{" in text else None


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Postgres, Postgres]]:
    """The one that is lost, and a new one."""
    with postgres_files() as old, postgres_files() as new, old.serving(), new.serving():
        yield old, new


def test_the_database_comes_back_by_the_guide(
    servers: tuple[Postgres, Postgres], tmp_path: Path
) -> None:
    old, new = servers
    address, elsewhere = (f"postgresql://prefect@127.0.0.1:{one.port}" for one in servers)
    program(old, "createdb", f"--maintenance-db={address}/postgres", "avatar")
    asyncio.run(_fill(f"{address}/avatar"))
    before = tables(old, f"{address}/avatar")
    assert before["api_keys"].count(b"\n") == 50
    paste(
        "Database",
        tmp_path,
        {
            "PATH": f"{old.programs}:{os.environ['PATH']}",
            "DATABASE_URL": f"{address}/avatar",
            "NEW_SERVER": elsewhere,
        },
    )
    assert tables(new, f"{elsewhere}/avatar") == before
    asyncio.run(_start(f"{elsewhere}/avatar"))  # as a gateway that starts does
    assert tables(new, f"{elsewhere}/avatar") == before


def program(server: Postgres, name: str, *arguments: str) -> bytes:
    done = subprocess.run([server.programs / name, *arguments], check=True, capture_output=True)
    return done.stdout


def tables(server: Postgres, url: str) -> dict[str, bytes]:
    """Every row of every table, as PostgreSQL itself writes them."""
    listed = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
    names = program(server, "psql", "-Atc", listed, url).decode().split()
    return {
        name: program(
            server, "psql", "-c", f'COPY (SELECT * FROM "{name}" t ORDER BY t::text) TO STDOUT', url
        )
        for name in names
    }


async def _fill(url: str) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    async with _migrated(url) as database, database.writing() as session:
        for number in range(50):
            name = f"Zoë\t{number} \\ 'quoted'"
            key = {"id": f"key_{number}", "owner": "anna", "name": name, "prefix": "av"}
            session.add(ApiKey(**key, hash=f"{number:064x}", scopes="", created_at=at))


async def _start(url: str) -> None:
    async with _migrated(url):
        pass


@asynccontextmanager
async def _migrated(url: str) -> AsyncIterator[Database]:
    database = Database(url.replace("postgresql://", "postgresql+asyncpg://"))
    await database.migrate()
    yield database
    await database.close()
