"""The gateway while Redis, PostgreSQL, Prefect or S3 are away, and after its own death."""

import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from api import ending, limits
from api.database import Database
from api.quotes import Prices
from models.contracts import VideoResult
from models.errors import ServiceUnavailable
from models.storage import store_at
from tests.api.conftest import settings_for
from tests.api.prefect_by_hand import PrefectByHand
from tests.api.running import Api, eventually, gateway, gateway_process
from tests.models.stores.conftest import BUCKET, proxy, s3_port
from tests.models.stores.proxy import Fault, FaultyProxy, faulty_proxy
from tests.orchestra import free_port
from tests.stack.servers import postgres_files, redis

__all__ = ["proxy", "s3_port"]

Body = Callable[..., dict[str, Any]]
ORDERED = "create_flow_run"
CALLERS, VIDEOS_EACH = 6, 15


@contextmanager
def calling(client: httpx.Client) -> Iterator[Counter[int]]:
    """Reads all the time; the statuses of the answers."""
    statuses: Counter[int] = Counter()
    over = threading.Event()

    def call() -> None:
        while not over.is_set():
            statuses[client.get("/v1/videos").status_code] += 1
            time.sleep(0.01)

    thread = threading.Thread(target=call)
    thread.start()
    try:
        yield statuses
    finally:
        over.set()
        thread.join()


def test_no_call_fails_while_redis_dies_and_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "RETRY_REDIS_S", 0.2)
    port = free_port()
    url = f"redis://127.0.0.1:{port}/0"
    with (
        gateway(settings_for(f"sqlite:///{tmp_path}/g.db", tmp_path, redis_url=url)) as api,
        calling(api.client("steady")) as statuses,
    ):
        for _ in range(2):
            with redis(tmp_path, port):
                eventually(lambda: _told(api) == "ok" and _shared(api))
            eventually(lambda: _told(api).startswith("away") and not _shared(api))
    assert statuses.keys() == {200}


def _told(api: Api) -> str:
    return str(api.http.get("/readyz").json()["redis"])


def _shared(api: Api) -> bool:
    return "avatar_gateway_redis_up 1.0" in api.http.get("/metrics").text


def test_nothing_accepted_is_lost_while_postgres_crashes_under_load(
    tmp_path: Path, video_body: Body
) -> None:
    """Callers do as the documentation says: the same Idempotency-Key until there is an answer."""
    with postgres_files() as files, ExitStack() as running:
        crash = running.enter_context(files.serving())
        with gateway(settings_for(files.url, tmp_path)) as api, ThreadPoolExecutor() as pool:
            callers = [api.client(f"caller-{number}") for number in range(CALLERS)]
            bodies = [video_body(client) for client in callers]
            told = [pool.submit(_insistent, *pair) for pair in zip(callers, bodies, strict=True)]
            time.sleep(0.5)
            crash.send_signal(signal.SIGQUIT)  # at once: sessions end in the middle
            crash.wait(30)
            eventually(lambda: api.http.get("/readyz").status_code == 503)
            running.enter_context(files.serving())
            for client, future in zip(callers, told, strict=True):
                accepted, refused = future.result()
                listed = client.get("/v1/videos", params={"limit": 100}).json()["data"]
                assert sorted(accepted) == sorted(video["id"] for video in listed)
                assert set(refused) <= {503, 409}, refused
            assert any(503 in future.result()[1] for future in told)


def _insistent(client: httpx.Client, body: dict[str, Any]) -> tuple[list[str], Counter[int]]:
    """The ids of what was accepted, and how often it was not, by status."""
    accepted, refused = [], Counter[int]()
    for number in range(VIDEOS_EACH):
        headers = {"Idempotency-Key": f"video-{number}"}
        while (answer := client.post("/v1/videos", json=body, headers=headers)).status_code != 202:
            refused[answer.status_code] += 1
            assert int(answer.headers["Retry-After"]) > 0, answer.text
            time.sleep(0.2)
        accepted.append(answer.json()["id"])
        time.sleep(0.05)
    return accepted, refused


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.fixture
def prefect(prefect_server: None, store: Path) -> Iterator[PrefectByHand]:
    made = PrefectByHand.here(store)
    yield made
    made.http.close()


def test_a_gateway_killed_before_it_notes_its_run_orders_no_second_one(
    prefect: PrefectByHand, tmp_path: Path, store: Path, video_body: Body
) -> None:
    """Prefect has made the run; the answer that names it is on its way when the gateway dies."""
    port = free_port()
    with faulty_proxy(httpx.URL(prefect.url).port or 80) as between:
        far = {"prefect_url": f"{between.url}/api", "prefect_auth": prefect.auth}
        settings = settings_for(f"sqlite:///{tmp_path}/g.db", store, **far)
        api = Api(f"http://127.0.0.1:{port}", settings)
        between.faults.append(Fault("POST", ORDERED, late_s=3.0))
        with gateway_process(settings, port, tmp_path / "first.log") as process:
            client = api.client("survivor")
            video = client.post("/v1/videos", json=video_body(client)).json()["id"]
            (run,) = eventually(lambda: prefect.runs_of(video))
            process.send_signal(signal.SIGKILL)
            process.wait(10)
        orders = between.count("POST", ORDERED)
        with gateway_process(settings, port, tmp_path / "second.log"):
            prefect.deliver(video)
            prefect.move(run["id"], "COMPLETED")
            eventually(lambda: client.get(f"/v1/videos/{video}").json()["status"] == "done")
        assert (orders, between.count("POST", ORDERED)) == (1, 2)  # it asked again
    assert len(prefect.runs_of(video)) == 1
    api.close()


def test_an_answer_of_prefect_that_is_cut_short_makes_no_second_run(
    prefect: PrefectByHand, tmp_path: Path, store: Path, video_body: Body
) -> None:
    with faulty_proxy(httpx.URL(prefect.url).port or 80) as between:
        between.faults += [Fault("POST", ORDERED, cut=True), Fault("POST", ORDERED, status=503)]
        far = {"prefect_url": f"{between.url}/api", "prefect_auth": prefect.auth}
        with gateway(settings_for(f"sqlite:///{tmp_path}/g.db", store, **far)) as api:
            client = api.client("patient")
            video = client.post("/v1/videos", json=video_body(client)).json()["id"]
            place = f"/v1/videos/{video}"
            eventually(lambda: client.get(place).json()["queue_position"] is not None)
    assert len(prefect.runs_of(video)) == 1


@pytest.fixture
def s3_api(proxy: FaultyProxy, tmp_path: Path) -> Iterator[Api]:
    store = f"s3://{BUCKET}/{tmp_path.name.lower()}?cache={tmp_path / 'cache'}"
    with gateway(settings_for(f"sqlite:///{tmp_path}/g.db", store)) as api:
        yield api


def test_a_bucket_that_fails_for_a_moment_is_not_noticed(
    s3_api: Api, proxy: FaultyProxy, video_body: Body
) -> None:
    client = s3_api.client("lucky")
    proxy.faults += [Fault("PUT", status=500), Fault("HEAD", status=503)]
    assert client.post("/v1/videos", json=video_body(client)).status_code == 202


def test_a_bucket_that_is_away_is_a_503_and_leaves_nothing(
    s3_api: Api, proxy: FaultyProxy, video_body: Body, portrait_png: bytes
) -> None:
    client = s3_api.client("unlucky")
    proxy.always = Fault("PUT", status=500)
    answer = client.post("/v1/uploads", content=portrait_png)
    assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    assert "s3://" not in answer.text
    assert client.get("/v1/uploads").json()["data"] == []
    proxy.always = None
    assert client.post("/v1/uploads", content=portrait_png).status_code == 201


def test_a_result_that_does_not_come_is_read_later(
    s3_api: Api, proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ending, "READ_S", 0.1)

    async def read(database: Database) -> VideoResult | None:
        prices = Prices(Decimal(0), Decimal(0))
        reader = ending.Ending(database, store_at(s3_api.settings.store), prices)
        with pytest.raises(ServiceUnavailable, match="in time"):
            await reader.result("vid_1")
        monkeypatch.setattr(ending, "READ_S", 30.0)
        return await reader.result("vid_1")

    proxy.faults.append(Fault("HEAD", wait_s=1.0))
    assert s3_api.in_database(read) is None  # there is none


def test_a_slow_bucket_holds_up_nobody_else(
    s3_api: Api, proxy: FaultyProxy, portrait_png: bytes
) -> None:
    slow, other = s3_api.client("slow"), s3_api.client("other")
    proxy.faults.append(Fault("PUT", wait_s=2.0))
    with ThreadPoolExecutor() as pool, calling(other) as statuses:
        upload = pool.submit(slow.post, "/v1/uploads", content=portrait_png)
        eventually(lambda: proxy.count("PUT"))
        before = statuses[200]
        eventually(lambda: statuses[200] > before + 5)
        assert not upload.done()
    assert upload.result().status_code == 201
    assert statuses.keys() == {200}
