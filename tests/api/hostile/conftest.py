"""One gateway as an operator starts it, watched from outside: its memory, its store, its tables."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from api.settings import Settings
from tests.api.conftest import settings_for
from tests.api.running import Api, gateway_process
from tests.orchestra import free_port

GROWTH_MB = 300  # of all of it together: what the allocator keeps of the largest pictures
CHANGING = ("leases", "alembic_version", "forgotten")  # the last: what a deletion still has to do
MB = 1_000_000


@dataclass
class Target:
    url: str
    key: str
    upload: str  # a portrait of its own
    http: httpx.Client
    process: psutil.Process
    folder: Path
    kept: tuple[frozenset[str], tuple[object, ...]]

    def is_unmoved(self) -> None:
        """It answers, and holds what it held before."""
        assert self.http.get("/healthz").status_code == 200
        before, self.kept = self.kept, held(self.folder)
        assert self.kept == before
        assert self._tidied()

    def _tidied(self) -> bool:
        """A body that was cut off may take a moment to be let go."""
        deadline = time.monotonic() + 5
        while left := list((self.folder / "tmp").iterdir()):
            if time.monotonic() > deadline:
                return not left
            time.sleep(0.02)
        return True


@pytest.fixture(scope="session")
def target(tmp_path_factory: pytest.TempPathFactory, portrait_png: bytes) -> Iterator[Target]:
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "tmp").mkdir()
    settings = settings_for(f"sqlite+aiosqlite:///{folder}/gateway.db", folder / "store")
    port = free_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(folder / "tmp"))
        running = gateway_process(settings, port, folder / "log")
        with running as process, httpx.Client(base_url=f"http://127.0.0.1:{port}") as http:
            yield watched(folder, settings, http, psutil.Process(process.pid), portrait_png)


def watched(
    folder: Path, settings: Settings, http: httpx.Client, process: psutil.Process, portrait: bytes
) -> Target:
    api = Api(str(http.base_url), settings)
    key = api.key("hostile")
    api.close()
    answer = http.post("/v1/uploads", content=portrait, headers={"Authorization": f"Bearer {key}"})
    upload = answer.raise_for_status().json()["id"]
    url = str(http.base_url).rstrip("/")
    return Target(url, key, upload, http, process, folder, held(folder))


@pytest.fixture(scope="session", autouse=True)
def memory_stays_bounded(target: Target) -> Iterator[None]:
    before = target.process.memory_info().rss
    yield
    grown = (target.process.memory_info().rss - before) / MB
    assert grown < GROWTH_MB, f"the gateway grew by {grown:.0f} MB"
    assert target.process.is_running()


def held(folder: Path) -> tuple[frozenset[str], tuple[object, ...]]:
    """Every file of the store, every row of every table."""
    root = folder / "store"
    files = (path for path in root.rglob("*") if path.is_file())
    with closing(sqlite3.connect(folder / "gateway.db")) as database:
        query = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
        names = [name for (name,) in database.execute(query) if name not in CHANGING]
        rows = [(name, row) for name in names for row in database.execute(f"SELECT * FROM {name}")]
    return frozenset(os.fspath(path.relative_to(root)) for path in files), tuple(rows)
