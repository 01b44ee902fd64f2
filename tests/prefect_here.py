"""Fixtures for tests that run flows: a Prefect, a store and a portrait of their own."""

import os
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from prefect.settings import (
    PREFECT_API_AUTH_STRING,
    PREFECT_API_URL,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    PREFECT_HOME,
    PREFECT_LOCAL_STORAGE_PATH,
    PREFECT_LOGGING_LEVEL,
    PREFECT_LOGGING_TO_API_ENABLED,
    temporary_settings,
)
from skimage import data, io

from cli.local_prefect import local_prefect
from tasks.settings import Settings, settings


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Prefect's API for all tests of this process; the empty database is kept between runs.

    AVATAR_TEST_PREFECT: the tests run against the server that PREFECT_API_URL names instead.
    """
    home = tmp_path_factory.mktemp("prefect")
    theirs = "AVATAR_TEST_PREFECT" in os.environ
    server = nullcontext() if theirs else local_prefect(Settings().prefect_home, home / "results")
    with pytest.MonkeyPatch.context() as patch, server:
        for name in [name for name in os.environ if name.startswith("PREFECT_")]:
            patch.setenv(name, os.environ[name])
        with temporary_settings(
            {
                PREFECT_API_URL: os.environ["PREFECT_API_URL"],
                PREFECT_API_AUTH_STRING: os.environ.get("PREFECT_API_AUTH_STRING"),
                PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,
                PREFECT_HOME: home,
                PREFECT_LOCAL_STORAGE_PATH: home / "results",
                PREFECT_LOGGING_LEVEL: "CRITICAL",
                PREFECT_LOGGING_TO_API_ENABLED: False,
            }
        ):
            yield


@pytest.fixture
def store_here(
    prefect_server: None, face_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """An empty store that the tasks use."""
    monkeypatch.setenv("AVATAR_STORE", str(tmp_path / "store"))
    settings.cache_clear()
    yield tmp_path / "store"
    settings.cache_clear()


@pytest.fixture(scope="session")
def portrait_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("portrait") / "astronaut.png"
    io.imsave(path, data.astronaut())  # type: ignore[no-untyped-call]
    return path
