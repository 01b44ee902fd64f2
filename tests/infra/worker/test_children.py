"""The life of the children: replaced, preloaded, side by side, one a GPU, stopped, cancelled.

One server for all, real workers; a flow tells where it ran.
"""

import json
import os
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.states import Cancelling

from infra.worker.worker import WarmProcessWorker
from tests.orchestra import (
    Server,
    alive,
    ended,
    eventually,
    free_port,
    server_in,
    states,
    until,
    worker_for,
)

POOL = "children"
CODE = """
import json, os, time
from collections import deque
from itertools import repeat
from pathlib import Path
from prefect import flow

HERE = Path(__file__).parent
held = []

def preload():
    with (HERE / "preloaded").open("a") as file:
        file.write(f"{os.getpid()}\\n")
    time.sleep(float(os.environ.get("PRELOAD_S", "0")))

def tell(place):
    seen = {"pid": os.getpid(), "gpu": os.environ.get("CUDA_VISIBLE_DEVICES")}
    new = Path(place + ".new")
    new.write_text(json.dumps(seen | {"preloads": (HERE / "preloaded").read_text().split()}))
    new.rename(place)

@flow(name="told", persist_result=False)
def told(place: str, eat_mb: int = 0, await_file: str = "", sleep_s: float = 0):
    held.append(b"x" * (eat_mb << 20))
    tell(place)
    while await_file and not Path(await_file).exists():
        time.sleep(0.02)
    time.sleep(sleep_s)

@flow(name="native", persist_result=False, timeout_seconds=1)
def native(place: str):
    tell(place)
    deque(repeat(None), maxlen=0)  # for ever, and no signal reaches Python
"""


@dataclass
class Stage:
    server: Server
    client: SyncPrefectClient
    deployments: dict[str, UUID]
    folder: Path
    made: int = 0

    def ask(
        self, flow: str = "told", job: dict[str, int] | None = None, **parameters: object
    ) -> tuple[UUID, Path]:
        self.made += 1
        place = self.folder / f"{self.made}.json"
        run = self.client.create_flow_run_from_deployment(
            self.deployments[flow],
            parameters={"place": str(place), **parameters},
            job_variables=dict(job or {}),
        )
        return run.id, place

    def finish(self, job: dict[str, int] | None = None, **parameters: object) -> dict[str, Any]:
        run, place = self.ask("told", job, **parameters)
        assert ended(self.client, run).state_name == "Completed"
        return seen(place)

    def preloads(self) -> list[str]:
        file = self.folder / "preloaded"
        return file.read_text().split() if file.exists() else []


def seen(place: Path) -> dict[str, Any]:
    eventually(lambda: place.exists() or None, 20)
    return dict(json.loads(place.read_text()))


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    home = tmp_path_factory.mktemp("children")
    (home / "told_here.py").write_text(CODE)
    path = {"PYTHONPATH": str(home)}
    with server_in(home, **path) as server, server.client() as client:
        stage = Stage(server, client, {}, home)
        make_pool(stage)
        yield stage


def make_pool(stage: Stage) -> None:
    template: dict[str, Any] = WarmProcessWorker.get_default_base_job_template()
    template["variables"]["properties"]["preload"]["default"] = ["told_here:preload"]
    pool = WorkPoolCreate(name=POOL, type="warm-process", base_job_template=template)
    stage.client.create_work_pool(pool)
    for flow in ("told", "native"):
        stage.deployments[flow] = stage.client.create_deployment(
            stage.client.create_flow_from_name(flow),
            "here",
            version="1",
            entrypoint=f"told_here.py:{flow}",
            path=str(stage.folder),
            work_pool_name=POOL,
            parameter_openapi_schema={"type": "object", "properties": {}},
        )


def test_two_slots_are_ready_once_preloaded_and_run_two_flows_at_once(stage: Stage) -> None:
    port = free_port()
    env = {"AVATAR_WORKER_PORT": str(port), "AVATAR_WORKER_SLOTS": "2", "PRELOAD_S": "2"}
    before = len(stage.preloads())
    with worker_for(stage.server, POOL, env, name="two"):
        eventually(lambda: len(stage.preloads()) > before or None, 30)
        assert answer(port, "/readyz") == (503, "0 of 2 children\n")
        assert answer(port, "/healthz") == (200, "ok\n")
        assert answer(port, "/nowhere")[0] == 404
        assert eventually(lambda: answer(port, "/readyz")[0] == 200 or None, 20)
        assert len(stage.preloads()) == before + 2
        one = stage.ask(await_file=str(stage.folder / f"{stage.made + 2}.json"))
        two = stage.ask(await_file=str(one[1]))  # each ends when it has seen the other
        for run, _ in (one, two):
            assert ended(stage.client, run).state_name == "Completed"
    assert seen(one[1])["pid"] != seen(two[1])["pid"]


def test_each_gpu_has_a_child_and_keeps_it_for_the_next_one(stage: Stage) -> None:
    with worker_for(stage.server, POOL, {"CUDA_VISIBLE_DEVICES": "0,1"}, name="gpus"):
        first = side_by_side(stage)
        assert sorted(first) == ["0", "1"]
        second = side_by_side(stage)
        assert second["0"] != first["0"]
        assert second["1"] != first["1"]


def side_by_side(stage: Stage) -> dict[str, int]:
    """The process that each of two runs had, by its GPU; both are killed with their runs."""
    asked = [stage.ask(await_file=str(stage.folder / "never")) for _ in range(2)]
    told = [seen(place) for _, place in asked]
    for run, _ in asked:
        stage.client.set_flow_run_state(run, Cancelling())
    for run, _ in asked:
        assert ended(stage.client, run).state_name == "Cancelled"
    for one in told:
        os.kill(one["pid"], signal.SIGKILL)
    return {one["gpu"]: one["pid"] for one in told}


@pytest.fixture(scope="module")
def plain(stage: Stage) -> Iterator[None]:
    """A worker with one child; the tests above have the pool to themselves."""
    with worker_for(stage.server, POOL, name="plain"):
        yield


def test_preload_comes_once_before_the_first_run(stage: Stage, plain: None) -> None:
    stage.finish({"max_runs": 1})
    first, second = stage.finish(), stage.finish()
    assert first["pid"] == second["pid"]
    assert first["preloads"].count(str(first["pid"])) == 1
    assert second["preloads"] == first["preloads"]


def test_a_child_is_replaced_after_so_many_runs(stage: Stage, plain: None) -> None:
    before = stage.finish({"max_runs": 1})["pid"]
    one, two, three = (stage.finish({"max_runs": 2})["pid"] for _ in range(3))
    assert before != one == two != three
    eventually(lambda: not any(alive(pid) for pid in (before, one)) or None, 15)


def test_a_child_that_has_grown_is_replaced_after_its_run(stage: Stage, plain: None) -> None:
    most = {"max_memory_mb": 700}
    small = stage.finish(most)["pid"]
    large = stage.finish(most, eat_mb=800)["pid"]
    assert small == large != stage.finish()["pid"]


def test_a_flow_s_own_timeout_stops_native_code(stage: Stage, plain: None) -> None:
    run, place = stage.ask("native")
    now = ended(stage.client, run, 30)
    assert now.state_name == "TimedOut"
    assert now.state is not None
    assert "killed" in str(now.state.message)
    assert not alive(seen(place)["pid"])
    assert states(stage.client, run).count("Running") == 1


def test_a_cancel_leaves_the_child_of_the_next_cancel_alone(stage: Stage, plain: None) -> None:
    places = []
    for _ in range(2):
        run, place = stage.ask(sleep_s=30)
        places.append(place)
        seen(place)
        stage.client.set_flow_run_state(run, Cancelling())
        assert until(stage.client, run, "Cancelled", 10)
    run, place = stage.ask(sleep_s=3.5)  # longer than a cancel waits before it kills
    assert ended(stage.client, run).state_name == "Completed"
    assert len({seen(each)["pid"] for each in [*places, place]}) == 1


def test_a_child_that_dies_while_it_waits_costs_no_run_its_try(stage: Stage, plain: None) -> None:
    idle = stage.finish()["pid"]
    os.kill(idle, signal.SIGKILL)
    eventually(lambda: not alive(idle) or None, 10)
    run, place = stage.ask()
    assert ended(stage.client, run).state_name == "Completed"
    assert "Crashed" not in states(stage.client, run)
    assert seen(place)["pid"] != idle


def answer(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as page:
            return page.status, page.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
