"""Many clients at once on one SQLite file, and what an upgrade of Prefect must not change."""

import inspect
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
from prefect.server.database.configurations import SQLITE_BEGIN_MODE, AioSqliteConfiguration
from prefect.server.database.interface import PrefectDBInterface

from infra.prefect_server import queue_writers
from tests.orchestra import server_in

CLIENTS, RUNS = 8, 6


def test_the_seam_is_where_it_was() -> None:
    queue_writers()
    given = list(inspect.signature(AioSqliteConfiguration.begin_transaction).parameters)
    assert given[1:] == ["session", "with_for_update"]
    assert SQLITE_BEGIN_MODE.get() is None
    asked = inspect.getsource(PrefectDBInterface.session_context)
    assert "self.database_config.begin_transaction(" in asked


def test_no_client_of_many_meets_a_locked_database(tmp_path: Path) -> None:
    """Prefect's own server answers half of these calls with 503, and then none for a minute."""
    with server_in(tmp_path) as server, httpx.Client(base_url=server.url, timeout=30) as client:
        pool = {"name": "busy", "type": "process", "base_job_template": {}}
        client.post("/work_pools/", json=pool).raise_for_status()
        flow = client.post("/flows/", json={"name": "busy"}).raise_for_status().json()
        given = {"name": "here", "flow_id": flow["id"], "work_pool_name": "busy"}
        deployment = client.post("/deployments/", json=given).raise_for_status().json()["id"]

        def live() -> Counter[int]:
            made = client.post(f"/deployments/{deployment}/create_flow_run", json={})
            answers = [made]
            run = f"/flow_runs/{made.json()['id']}" if made.is_success else ""
            for state in ("PENDING", "RUNNING", "COMPLETED"):
                answers.append(client.post(f"{run}/set_state", json={"state": {"type": state}}))
                asked = client.post("/work_pools/busy/get_scheduled_flow_runs", json={"limit": 3})
                answers.append(asked)
            return Counter(answer.status_code for answer in answers)

        with ThreadPoolExecutor(CLIENTS) as threads:
            lives = [threads.submit(live) for _ in range(CLIENTS * RUNS)]
            codes = sum((life.result() for life in lives), Counter[int]())
    assert codes == {200: 3 * CLIENTS * RUNS, 201: 4 * CLIENTS * RUNS}
