"""Batches on a real server: the table's run and its rows' runs on one warm worker."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Cancelling

from tests.flows import odd_renderers
from tests.flows.pools import CPU, deploy, deploy_one, ended, eventually, subruns, worker

ROWS = "name\nAnna\nBob\n"


@dataclass(frozen=True)
class Stage:
    client: SyncPrefectClient
    store: Path
    portrait: Path

    def template(self, renderer: str) -> dict[str, Any]:
        return {
            "portrait": {"image": str(self.portrait)},
            "speech": {"script": "Hi {{name}}."},
            "look": {"resolution": 256, "fps": "24"},
            "renderer": renderer,
        }

    def start(self, **parameters: Any) -> UUID:  # noqa: ANN401
        target = self.client.read_deployment_by_name("batch-videos/here")
        return self.client.create_flow_run_from_deployment(target.id, parameters=parameters).id

    def manifest(self, name: str) -> str:
        path = self.store.parent / name
        path.write_text(ROWS)
        return str(path)

    def reports(self) -> list[dict[str, Any]]:
        """The newest last."""
        found = (self.store / "batches").glob("*/results.json")
        return [
            json.loads(path.read_text())
            for path in sorted(found, key=lambda path: path.stat().st_mtime)
        ]

    def rows(self, run: UUID, kind: StateType, count: int) -> list[FlowRun] | None:
        found = [one for one in subruns(self.client, run) if one.state_type is kind]
        return found if len(found) == count else None


@pytest.fixture(scope="module")
def stage(
    prefect_server: None,
    face_models: Path,
    portrait_file: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("batches")
    environment = {
        "AVATAR_STORE": str(folder / "store"),
        "AVATAR_SEGMENT_DEPLOYMENT": "",
        "AVATAR_WORKER_SLOTS": "3",
        odd_renderers.FOLDER: str(folder),
        "PREFECT_LOCAL_STORAGE_PATH": str(folder / "store" / "results"),
    }
    with get_client(sync_client=True) as client:
        deploy(client)
        deploy_one(client, "avatar-video", CPU, name="cpu")
        deploy_one(client, "batch-videos", CPU)
        with worker(CPU, folder / "cpu.log", **environment):
            yield Stage(client, folder / "store", portrait_file)


def test_the_inbox_is_worked_off_once(stage: Stage) -> None:
    inbox = stage.store / "batches" / "inbox"
    inbox.mkdir(parents=True)
    (inbox / "talks.csv").write_text(ROWS)
    (inbox / "talks.template.json").write_text(json.dumps(stage.template("counting")))
    assert ended(stage.client, stage.start()).state_type is StateType.COMPLETED
    (report,) = stage.reports()
    assert [(row["line"], row["status"]) for row in report["rows"]] == [(2, "done"), (3, "done")]
    again = stage.start()
    assert ended(stage.client, again).state_type is StateType.COMPLETED
    assert subruns(stage.client, again) == []
    assert len(stage.reports()) == 1


def test_a_row_that_fails_by_our_fault_is_tried_again(stage: Stage) -> None:
    run = stage.start(
        manifest=stage.manifest("again.csv"), template=stage.template("fails-twice"), at_once=1
    )
    assert ended(stage.client, run).state_type is StateType.COMPLETED
    tried = {row["line"]: (row["status"], row["tries"]) for row in stage.reports()[-1]["rows"]}
    assert tried == {2: ("done", 2), 3: ("done", 1)}


def test_a_cancelled_batch_takes_its_rows_along(stage: Stage) -> None:
    run = stage.start(manifest=stage.manifest("gone.csv"), template=stage.template("hangs"))
    eventually(lambda: stage.rows(run, StateType.RUNNING, 2))
    stage.client.set_flow_run_state(run, Cancelling())
    assert ended(stage.client, run).state_type is StateType.CANCELLED
    assert eventually(lambda: stage.rows(run, StateType.CANCELLED, 2), 30)
