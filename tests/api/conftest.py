"""Gateways on SQLite and on PostgreSQL; Prefect is away unless a test brings it."""

import asyncio
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import httpx
import pytest
from PIL import Image
from skimage import data
from sqlalchemy import make_url

from api.settings import Settings
from tests.api.running import NOWHERE, Api, gateway
from tests.prefect_here import prefect_server
from tests.stack.servers import postgres, redis

__all__ = ["prefect_server"]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    with postgres() as url:
        yield url


@pytest.fixture(scope="session")
def redis_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with redis(tmp_path_factory.mktemp("redis")) as port:
        yield port


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def database_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """An empty database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path_factory.mktemp('gateway')}/gateway.db"
    else:
        yield new_postgres_database(request.getfixturevalue("postgres_server"))


@pytest.fixture(scope="module")
def api(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    settings = settings_for(database_url, tmp_path_factory.mktemp("store"))
    with gateway(settings) as running:
        yield running


@pytest.fixture(scope="module")
def sqlite_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("gateway")
    with gateway(settings_for(f"sqlite+aiosqlite:///{folder}/gateway.db", folder / "s")) as running:
        yield running


@pytest.fixture(scope="session")
def portrait_png() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(data.astronaut()).save(buffer, "PNG")  # type: ignore[no-untyped-call]
    return buffer.getvalue()


@pytest.fixture(scope="session")
def video_body(portrait_png: bytes) -> Callable[..., dict[str, object]]:
    """Uploads the portrait for a client, and asks with it for a video."""

    def body(client: httpx.Client, **more: object) -> dict[str, object]:
        upload = client.post("/v1/uploads", content=portrait_png).json()["id"]
        speech = {"type": "script", "script": "Papa may buy a map."}
        return {"portrait": {"upload": upload}, "speech": speech, **more}

    return body


def settings_for(database_url: str, store: Path | str, **more: object) -> Settings:
    given = {
        "database_url": database_url,
        "store": str(store),
        "prefect_url": NOWHERE,
        "prefect_auth": None,
        "redis_url": None,
        "price_per_minute": "6",
        "price_per_video": "1",
    }
    return Settings.model_validate({**given, **more})


def new_postgres_database(server: str) -> str:
    name = f"gateway_{uuid4().hex}"
    url = make_url(server)

    async def create() -> None:
        connection = await asyncpg.connect(
            host=url.host, port=url.port, user=url.username, database=url.database
        )
        await connection.execute(f"CREATE DATABASE {name}")
        await connection.close()

    asyncio.run(create())
    return url.set(database=name).render_as_string(hide_password=False)
