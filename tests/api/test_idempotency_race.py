"""Fifty equal requests at once, through two gateway processes on one database, make one video."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.conftest import settings_for
from tests.api.running import Api, gateway_process
from tests.orchestra import free_port

RACE = 50
Body = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def gateways(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Api]]:
    """Two processes that share a database and a store, and nothing else."""
    folder = tmp_path_factory.mktemp("race")
    settings = settings_for(database_url, folder / "store")
    with ExitStack() as stack:
        ports = [free_port(), free_port()]
        for port in ports:
            stack.enter_context(gateway_process(settings, port, folder / f"log-{port}"))
        apis = [Api(f"http://127.0.0.1:{port}", settings) for port in ports]
        for api in apis:
            stack.callback(api.close)
        yield apis


def test_one_video_is_made_of_fifty_equal_requests(gateways: list[Api], video_body: Body) -> None:
    secret = gateways[0].key("racer")
    clients = [gateway.with_token(secret) for gateway in gateways]
    body = video_body(clients[0])

    def ask(number: int) -> httpx.Response:
        headers = {"Idempotency-Key": "race"}
        return clients[number % 2].post("/v1/videos", json=body, headers=headers)

    with ThreadPoolExecutor(RACE) as pool:
        answers = list(pool.map(ask, range(RACE)))
    made = {answer.json()["id"] for answer in answers if answer.status_code == 202}
    assert {answer.status_code for answer in answers} <= {202, 409}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} <= {
        "idempotency_in_progress"
    }
    assert len(made) == 1
    for client in clients:
        assert [video["id"] for video in client.get("/v1/videos").json()["data"]] == list(made)
        replayed = client.post("/v1/videos", json=body, headers={"Idempotency-Key": "race"})
        assert (replayed.status_code, replayed.json()["id"]) == (202, *made)
        assert replayed.headers["idempotency-replayed"] == "true"


def test_fifty_bodies_with_one_key_make_one_video(gateways: list[Api], video_body: Body) -> None:
    secret = gateways[0].key("liar")
    clients = [gateway.with_token(secret) for gateway in gateways]
    body = video_body(clients[0])

    def ask(number: int) -> httpx.Response:
        given = {**body, "metadata": {"number": str(number)}}
        headers = {"Idempotency-Key": "race"}
        return clients[number % 2].post("/v1/videos", json=given, headers=headers)

    with ThreadPoolExecutor(RACE) as pool:
        statuses = [answer.status_code for answer in pool.map(ask, range(RACE))]
    assert statuses.count(202) == 1
    assert set(statuses) <= {202, 409, 422}
    assert len(clients[0].get("/v1/videos").json()["data"]) == 1


def test_the_same_file_sent_by_fifty_is_one_upload(
    gateways: list[Api], portrait_png: bytes
) -> None:
    secret = gateways[0].key("sender")
    clients = [gateway.with_token(secret) for gateway in gateways]

    def send(number: int) -> httpx.Response:
        return clients[number % 2].post("/v1/uploads", content=portrait_png)

    with ThreadPoolExecutor(RACE) as pool:
        answers = list(pool.map(send, range(RACE)))
    assert {answer.status_code for answer in answers} == {200, 201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    uploads = Path(gateways[0].settings.store) / "uploads"
    assert len(list(uploads.iterdir())) == 1
