"""Records of finished tasks in a bucket: what one machine did, another finds."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prefect import task
from prefect.settings import (
    PREFECT_DEFAULT_RESULT_STORAGE_BLOCK,
    PREFECT_LOCAL_STORAGE_PATH,
    temporary_settings,
)

from infra.results import BLOCK, FOLDER, save_block
from models.contracts import ScriptSpeech
from models.errors import InvalidRequest
from tasks.policies import cached, keep, store
from tasks.settings import settings
from tests.models.stores.conftest import BUCKET, proxy, s3_port
from tests.models.stores.proxy import FaultyProxy
from tests.prefect_here import prefect_server

__all__ = ["prefect_server", "proxy", "s3_port"]


@contextmanager
def machine(disk: Path) -> Iterator[None]:
    """One with nothing on its disk; the bucket is everybody's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AVATAR_STORE", f"s3://{BUCKET}/here?cache={disk / 'cache'}")
        settings.cache_clear()
        changes = {
            PREFECT_DEFAULT_RESULT_STORAGE_BLOCK: f"s3-bucket/{BLOCK}",
            PREFECT_LOCAL_STORAGE_PATH: disk / "results",
        }
        with temporary_settings(changes):
            yield
    settings.cache_clear()


def test_a_stage_that_one_machine_finished_is_not_done_again_by_another(
    prefect_server: None, proxy: FaultyProxy, tmp_path: Path
) -> None:
    save_block(f"s3://{BUCKET}/here")
    runs: list[str] = []

    def files(name: str) -> tuple[str]:
        return (f"things/{name}.json",)

    @task(cache_key_fn=cached(files), persist_result=True, result_serializer="json")
    def make(name: str) -> str:
        runs.append(name)
        keep(ScriptSpeech(script=name), *files(name))
        return name

    for disk in ("one", "two"):
        with machine(tmp_path / disk):
            assert make("a") == "a"
            assert "a" in store().path("things/a.json").read_text()
    assert runs == ["a"]
    with machine(tmp_path / "three"):
        kept = [entry.key for entry in store().entries()]
    assert kept == [f"{FOLDER}/things-a.json", "things/a.json"]
    assert not list(tmp_path.glob("*/results/*"))


def test_a_folder_needs_no_block() -> None:
    with pytest.raises(InvalidRequest, match="PREFECT_LOCAL_STORAGE_PATH"):
        save_block("/somewhere")
