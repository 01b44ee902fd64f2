"""Webhooks as their owner sees them: made, tested, rotated, replayed; on SQLite and PostgreSQL."""

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError
from standardwebhooks.webhooks import Webhook

from api.database import Database
from api.routes.webhooks import MOST
from api.tables import Answered
from api.webhooks.queue import CLAIM
from api.webhooks.signing import new_secret
from api.webhooks.tables import Delivery, Endpoint
from models.log_lines import JsonLines
from tests.api.conftest import settings_for
from tests.api.finishing import finish
from tests.api.receiving import Answer, Message, Receiver, receiver
from tests.api.running import Api, eventually, gateway, gateway_process
from tests.orchestra import free_port

Body = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def target() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture(autouse=True)
def forgetful(target: Receiver) -> None:
    target.messages.clear()
    target.answers.clear()
    target.otherwise = Answer()


@pytest.fixture(scope="module")
def api(
    database_url: str, tmp_path_factory: pytest.TempPathFactory, target: Receiver
) -> Iterator[Api]:
    settings = settings_for(database_url, tmp_path_factory.mktemp("store"), **outgoing(target))
    with gateway(settings) as running:
        yield running


def outgoing(target: Receiver) -> dict[str, Any]:
    return {
        "call_networks": ["127.0.0.0/8"],
        "call_ports": [target.port],
        "call_plain_http": True,
    }


def made(client: httpx.Client, url: str, **more: object) -> dict[str, Any]:
    answer = client.post("/v1/webhooks", json={"url": url, **more})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def delivery(client: httpx.Client, name: str, status: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = client.get(f"/v1/deliveries/{name}").json()
        return found if found["status"] == status else None

    found = eventually(look)
    assert found is not None
    return found


def test_a_video_s_end_reaches_its_owner(api: Api, target: Receiver, video_body: Body) -> None:
    client = api.client("told")
    webhook = made(client, target.url, events=["video.done"], description="orders")
    video = client.post("/v1/videos", json=video_body(client, metadata={"order": "9"})).json()
    finish(api, video["id"])
    eventually(lambda: target.messages)
    message = target.messages[0]
    told = opened(webhook["secret"], message)
    now = client.get(f"/v1/videos/{video['id']}").json()
    assert told["type"] == "video.done"
    assert told["data"].keys() == now.keys()
    for name in ("id", "status", "metadata", "result", "request", "receipt"):
        assert told["data"][name] == now[name], name
    link = httpx.URL(told["data"]["files"]["video"])
    assert api.http.get(link.raw_path.decode()).is_success  # without a key


def test_a_cancelled_video_is_told_too(api: Api, target: Receiver, video_body: Body) -> None:
    client = api.client("canceller")
    webhook = made(client, target.url, events=["video.cancelled"])
    recording = {"portrait": {"url": f"{target.url}/slow"}}  # not fetched yet: nobody has begun
    video = client.post("/v1/videos", json={**video_body(client), **recording}).json()["id"]
    assert client.post(f"/v1/videos/{video}/cancel").json()["status"] == "cancelled"
    eventually(lambda: target.messages)
    told = opened(webhook["secret"], target.messages[0])
    assert (told["type"], told["data"]["id"]) == ("video.cancelled", video)


def test_its_secret_is_told_once_and_kept_encrypted(api: Api, target: Receiver) -> None:
    client = api.client("keeper")
    headers = {"Idempotency-Key": "once"}
    first = client.post("/v1/webhooks", json={"url": target.url}, headers=headers)
    secret = first.json()["secret"]
    assert secret.startswith("whsec_")
    again = client.post("/v1/webhooks", json={"url": target.url}, headers=headers)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == {**first.json(), "secret": None}
    assert client.get(first.headers["location"]).json()["secret"] is None

    async def kept(database: Database) -> str:
        async with database.reading() as session:
            row = await session.get_one(Endpoint, first.json()["id"])
            answer = await session.get_one(Answered, ("keeper", "once", "webhooks"))
            return f"{row.secret} {answer.body}"

    assert secret not in api.in_database(kept)


def test_a_test_is_sent_and_can_be_replayed(api: Api, target: Receiver) -> None:
    client = api.client("tester")
    webhook = made(client, target.url, events=["video.failed"])
    target.answers = [Answer(500, b"<b>broken</b> \xff\0")]
    answer = client.post(f"/v1/webhooks/{webhook['id']}/test")
    assert answer.status_code == 202
    name = answer.json()["id"]
    eventually(lambda: client.get(f"/v1/deliveries/{name}").json()["attempts"] == 1)
    failed = client.get(f"/v1/deliveries/{name}").json()
    assert (failed["status"], failed["latest"][0]["status"]) == ("pending", 500)
    assert failed["latest"][0]["excerpt"].startswith("<b>broken</b>")
    assert failed["next_attempt_at"]
    assert client.get(f"/v1/webhooks/{webhook['id']}").json()["failing_since"]
    assert client.post(f"/v1/deliveries/{name}/replay").status_code == 202
    told = delivery(client, name, "delivered")
    assert [attempt["status"] for attempt in told["latest"]] == [500, 200]
    client.post(f"/v1/deliveries/{name}/replay")
    eventually(lambda: len(target.messages) == 3)
    assert set(target.ids) == {told["event"]}
    assert opened(webhook["secret"], target.messages[2])["type"] == "webhook.test"
    assert client.get(f"/v1/webhooks/{webhook['id']}").json()["failing_since"] is None


def test_a_rotated_secret_signs_beside_the_old_one(api: Api, target: Receiver) -> None:
    client = api.client("rotator")
    webhook = made(client, target.url)
    rotated = client.post(f"/v1/webhooks/{webhook['id']}/rotate").json()
    assert rotated["previous_secret_until"]
    client.post(f"/v1/webhooks/{webhook['id']}/test")
    eventually(lambda: target.messages)
    message = target.messages[0]
    for secret in (webhook["secret"], rotated["secret"]):
        assert opened(secret, message)["type"] == "webhook.test"
    before = client.get("/v1/callback-secret").json()
    after = client.post("/v1/callback-secret/rotate").json()
    assert before["secret"] != after["secret"] == client.get("/v1/callback-secret").json()["secret"]


def test_what_is_disabled_is_not_called(api: Api, target: Receiver, video_body: Body) -> None:
    client = api.client("pauser")
    place = f"/v1/webhooks/{made(client, target.url)['id']}"
    off = client.patch(place, json={"enabled": False}).json()
    assert (off["enabled"], off["disabled_reason"]) == (False, "you disabled it")
    refused = client.post(f"{place}/test")
    assert (refused.status_code, refused.json()["code"]) == (409, "webhook_disabled")
    target.otherwise = Answer(410)
    assert client.patch(place, json={"enabled": True}).json()["disabled_reason"] is None
    client.post(f"{place}/test")
    eventually(lambda: not client.get(place).json()["enabled"])
    (row,) = client.get("/v1/deliveries", params={"webhook": place[13:]}).json()["data"]
    assert row["status"] == "dead"
    assert client.post(f"/v1/deliveries/{row['id']}/replay").status_code == 409


def test_what_waits_follows_the_address(api: Api, target: Receiver) -> None:
    client = api.client("mover")
    place = f"/v1/webhooks/{made(client, target.url)['id']}"
    target.answers = [Answer(500)]
    name = client.post(f"{place}/test").json()["id"]
    eventually(lambda: client.get(f"/v1/deliveries/{name}").json()["attempts"] == 1)
    client.patch(place, json={"url": f"{target.url}/moved"})
    client.post(f"/v1/deliveries/{name}/replay")
    delivery(client, name, "delivered")
    assert [message.path for message in target.messages] == ["/hook", "/hook/moved"]
    assert client.delete(place).status_code == 204
    assert client.get(f"/v1/deliveries/{name}").status_code == 404


def test_a_finished_batch_is_told_once(api: Api, target: Receiver, video_body: Body) -> None:
    client = api.client("batches")
    made(client, target.url, events=["batch.finished"])
    body = video_body(client)
    batch = client.post("/v1/batches", json={"videos": [body] * 3}).json()["id"]
    videos = client.get("/v1/videos", params={"batch": batch}).json()["data"]
    for video in videos[:2]:
        finish(api, video["id"])
    client.post(
        "/v1/webhooks/" + made(client, target.url, events=["video.running"])["id"] + "/test"
    )
    eventually(lambda: len(target.messages) == 1)
    assert b"webhook.test" in target.messages[0].body
    finish(api, videos[2]["id"])
    eventually(lambda: len(target.messages) == 2)
    assert b'"counts":{"done":3}' in target.messages[1].body
    assert len(client.get("/v1/deliveries").json()["data"]) == 2


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1/",
        "https://localhost/",
        "https://169.254.169.254/",
        "ftp://example.com/",
        "https://user:password@example.com/",
        "nothing",
    ],
)
def test_an_address_that_must_not_be_called_is_refused(api: Api, url: str) -> None:
    client = api.client("insider")
    answer = client.post("/v1/webhooks", json={"url": url})
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["field"]) == (
        422,
        "address_refused",
        "url",
    )
    assert client.get("/v1/webhooks").json()["data"] == []


def test_there_is_an_end_to_webhooks(api: Api, target: Receiver) -> None:
    client = api.client("many")
    for _ in range(MOST):
        made(client, target.url)
    answer = client.post("/v1/webhooks", json={"url": target.url})
    assert (answer.status_code, answer.json()["code"]) == (409, "webhooks_full")
    listed = client.get("/v1/webhooks", params={"limit": 15}).json()
    assert len(listed["data"]) == 15
    assert listed["next_cursor"]


def test_another_owner_s_webhooks_are_not_there(api: Api, target: Receiver) -> None:
    owner, other = api.client("w-mine"), api.client("w-theirs")
    webhook = made(owner, target.url)["id"]
    name = owner.post(f"/v1/webhooks/{webhook}/test").json()["id"]
    for method, path in (
        ("GET", f"/v1/webhooks/{webhook}"),
        ("PATCH", f"/v1/webhooks/{webhook}"),
        ("DELETE", f"/v1/webhooks/{webhook}"),
        ("POST", f"/v1/webhooks/{webhook}/rotate"),
        ("POST", f"/v1/webhooks/{webhook}/test"),
        ("GET", f"/v1/deliveries/{name}"),
        ("POST", f"/v1/deliveries/{name}/replay"),
    ):
        body: dict[str, Any] | None = {} if method == "PATCH" else None
        assert other.request(method, path, json=body).status_code == 404, path
    for path in ("/v1/webhooks", "/v1/deliveries"):
        assert other.get(path).json()["data"] == []
    secrets = {one.get("/v1/callback-secret").json()["secret"] for one in (owner, other)}
    assert len(secrets) == 2


def test_a_key_without_the_scope_may_not(api: Api, target: Receiver) -> None:
    client = api.client("narrow", scopes=("read", "write"))
    for path in ("/v1/webhooks", "/v1/deliveries", "/v1/callback-secret"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")


@pytest.mark.parametrize(
    "wrong", [{"webhook_key": "short"}, {"call_networks": ["10.0.0.0/99"]}, {"call_ports": ["x"]}]
)
def test_settings_that_cannot_be_meant_are_refused(wrong: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ValidationError):
        settings_for(f"sqlite:///{tmp_path}/g.db", tmp_path, **wrong)


def test_no_secret_of_a_webhook_reaches_the_log() -> None:
    secret = new_secret()
    line = JsonLines().format(logging.makeLogRecord({"msg": f"signing with {secret}"}))
    assert secret not in line
    assert "signing with" in line


def test_a_gateway_killed_before_it_told_tells_once_when_it_is_back(
    target: Receiver, tmp_path: Path, video_body: Body
) -> None:
    """The state has changed, the gateway is SIGKILLed, and another one tells of it."""
    settings = settings_for(f"sqlite:///{tmp_path}/g.db", tmp_path / "store", **outgoing(target))
    port = free_port()
    api = Api(f"http://127.0.0.1:{port}", settings)
    with gateway_process(settings, port, tmp_path / "first.log") as process:
        client = api.client("survivor")
        secret = made(client, target.url, events=["video.done"])["secret"]
        body = video_body(client)
        videos = {client.post("/v1/videos", json=body).json()["id"] for _ in range(3)}
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    for video in videos:
        finish(api, video)
    assert target.messages == []
    with gateway_process(settings, port, tmp_path / "second.log"):
        eventually(lambda: len(target.messages) == len(videos))
        eventually(
            lambda: (
                {row["status"] for row in client.get("/v1/deliveries").json()["data"]}
                == {"delivered"}
            )
        )
    told = [opened(secret, message)["data"]["id"] for message in target.messages]
    assert sorted(told) == sorted(videos)
    api.close()


def test_a_gateway_killed_while_it_told_tells_again_when_its_claim_has_ended(
    target: Receiver, tmp_path: Path
) -> None:
    settings = settings_for(f"sqlite:///{tmp_path}/g.db", tmp_path / "store", **outgoing(target))
    port, never = free_port(), threading.Event()
    api = Api(f"http://127.0.0.1:{port}", settings)
    target.answers = [Answer(hold=never)]
    with gateway_process(settings, port, tmp_path / "first.log") as process:
        client = api.client("cut-off")
        webhook = made(client, target.url)
        name = client.post(f"/v1/webhooks/{webhook['id']}/test").json()["id"]
        eventually(lambda: target.messages)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    never.set()

    async def pass_time(database: Database) -> None:
        async with database.writing() as session:
            row = await session.get_one(Delivery, name)
            assert row.claimed_until is not None
            row.claimed_until -= CLAIM

    with gateway_process(settings, port, tmp_path / "second.log"):
        assert client.get(f"/v1/deliveries/{name}").json()["status"] == "pending"
        assert len(target.messages) == 1
        api.in_database(pass_time)
        delivery(client, name, "delivered")
    assert len(target.messages) == 2
    assert len(set(target.ids)) == 1  # the receiver can tell that it is the same
    api.close()


def opened(secret: str, message: Message) -> dict[str, Any]:
    told: dict[str, Any] = Webhook(secret).verify(message.body, message.headers)
    return told
