"""Finished videos in the storage of their callers: by address, or in an allowed bucket."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from sqlalchemy import select

from api import exports
from api.database import Database
from api.tables import Export
from models.contracts import Failure
from tests.api.conftest import settings_for
from tests.api.finishing import FILES, MP4, finish
from tests.api.running import Api, eventually, gateway
from tests.models.stores.conftest import BUCKET, proxy, s3_port
from tests.models.stores.proxy import FaultyProxy

__all__ = ["proxy", "s3_port"]

Body = Callable[..., dict[str, Any]]
SECRET = "X-Amz-Signature=5ec2e7"


@dataclass
class Bucket:
    """Takes PUTs on a real socket, after as many other answers as are asked for."""

    port: int = 0
    answers: list[int] = field(default_factory=list)
    taken: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port}/{name}?{SECRET}"


@pytest.fixture(scope="module")
def bucket() -> Iterator[Bucket]:
    found = Bucket()

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.taken.append((self.path, dict(self.headers), body))
            self.send_response(found.answers.pop(0) if found.answers else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Tests read `taken`."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three attempts, one soon after the other."""
    monkeypatch.setattr(exports, "WAITS", (timedelta(seconds=0.1),) * 2)


@pytest.fixture(scope="module")
def api(
    bucket: Bucket, database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    here = {
        "call_networks": ["127.0.0.1/32"],
        "call_ports": [bucket.port],
        "call_plain_http": True,
        "destination_buckets": [f"{BUCKET}/theirs"],
    }
    with gateway(settings_for(database_url, tmp_path_factory.mktemp("store"), **here)) as running:
        yield running


def made(
    api: Api, client: httpx.Client, body: dict[str, Any], failure: Failure | None = None
) -> str:
    """The place of a finished video."""
    answer = client.post("/v1/videos", json=body)
    assert answer.status_code == 202, answer.text
    finish(api, answer.json()["id"], failure)
    return str(answer.headers["location"])


def settled(client: httpx.Client, place: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = client.get(place).json()["destination"]
        return found if found["status"] != "waiting" else None

    found = eventually(look)
    assert found is not None
    return found


def test_a_finished_video_is_sent_to_an_address(api: Api, bucket: Bucket, video_body: Body) -> None:
    client = api.client("sender")
    headers = {"x-ms-blob-type": "BlockBlob"}
    destination = {"url": bucket.url("one.mp4"), "headers": headers}
    state = settled(client, made(api, client, video_body(client, destination=destination)))
    assert (state["status"], state["attempts"], state["error"]) == ("delivered", 1, None)
    (path, sent, content) = next(one for one in bucket.taken if one[0].startswith("/one.mp4"))
    assert (path, content) == (f"/one.mp4?{SECRET}", MP4)
    assert (sent["Content-Type"], sent["x-ms-blob-type"]) == ("video/mp4", "BlockBlob")


def test_its_secret_is_never_shown_and_not_kept(api: Api, bucket: Bucket, video_body: Body) -> None:
    client, key = api.client("secretive"), {"Idempotency-Key": "k"}
    body = video_body(client, destination={"url": bucket.url("two.mp4")})
    answers = [client.post("/v1/videos", json=body, headers=key) for _ in range(2)]
    place = answers[0].headers["location"]
    finish(api, answers[0].json()["id"])
    settled(client, place)
    told = [*answers, client.get(place), client.get("/v1/videos"), client.get(f"{place}/events")]
    assert not any(SECRET in answer.text for answer in told)

    async def kept(database: Database) -> list[str]:
        async with database.reading() as session:
            return list(await session.scalars(select(Export.url)))

    assert api.in_database(kept) == []


def test_a_destination_that_fails_is_tried_again(
    api: Api, bucket: Bucket, video_body: Body
) -> None:
    client = api.client("patient")
    bucket.answers += [500, 429]
    body = video_body(client, destination={"url": bucket.url("three.mp4")})
    state = settled(client, made(api, client, body))
    assert (state["status"], state["attempts"]) == ("delivered", 3)
    bucket.answers += [503, 503, 503]
    body = video_body(client, destination={"url": bucket.url("four.mp4")})
    state = settled(client, made(api, client, body))
    assert (state["status"], state["attempts"]) == ("failed", 3)
    assert "503" in state["error"]


def test_a_destination_that_refuses_is_not_tried_again(
    api: Api, bucket: Bucket, video_body: Body
) -> None:
    client = api.client("late")
    bucket.answers.append(403)
    place = made(api, client, video_body(client, destination={"url": bucket.url("five.mp4")}))
    state = settled(client, place)
    assert (state["status"], state["attempts"]) == ("failed", 1)
    video = client.get(place).json()
    assert video["status"] == "done"  # and it is still here
    assert httpx.get(video["files"]["video"]).content == MP4


def test_a_redirect_is_not_followed(api: Api, bucket: Bucket, video_body: Body) -> None:
    client = api.client("led astray")
    bucket.answers.append(307)
    body = video_body(client, destination={"url": bucket.url("six.mp4")})
    assert settled(client, made(api, client, body))["status"] == "failed"


def test_a_video_that_failed_is_sent_nowhere(api: Api, bucket: Bucket, video_body: Body) -> None:
    client = api.client("unlucky")
    body = video_body(client, destination={"url": bucket.url("seven.mp4")})
    place = made(api, client, body, Failure(code="face_not_found", message="no face: another"))
    assert settled(client, place)["status"] == "failed"
    assert not any(path.startswith("/seven") for path, _, _ in bucket.taken)


@pytest.mark.parametrize(
    "destination",
    [
        {"url": "https://127.0.0.2/video.mp4"},
        {"url": "https://169.254.169.254/latest"},
        {"url": "ftp://example.com/video.mp4"},
        {"url": "file:///etc/passwd"},
        {"url": f"s3://{BUCKET}"},
        {"url": f"s3://{BUCKET}/theirs-not"},
        {"url": f"s3://{BUCKET}/theirs/../ours"},
        {"url": f"s3://{BUCKET}/theirs?kms_key=x"},
        {"url": "s3://other/theirs"},
        {"url": "https://example.com/v.mp4", "headers": {"authorization": "Bearer x"}},
        {"url": "https://example.com/v.mp4", "headers": {"x-amz-acl": "a\r\nb: c"}},
    ],
)
def test_other_places_are_refused(api: Api, video_body: Body, destination: dict[str, Any]) -> None:
    client = api.client("prying")
    answer = client.post("/v1/videos", json=video_body(client, destination=destination))
    assert answer.status_code == 422, answer.text
    assert answer.json()["field"].startswith("destination")
    assert client.get("/v1/videos").json()["data"] == []


def test_an_allowed_bucket_takes_all_files(api: Api, proxy: FaultyProxy, video_body: Body) -> None:
    client = api.client("bucketeer")
    destination = {"url": f"s3://{BUCKET}/theirs/films"}
    place = made(api, client, video_body(client, destination=destination))
    assert settled(client, place)["status"] == "delivered"
    found = boto3.client("s3").list_objects_v2(Bucket=BUCKET, Prefix="theirs/")["Contents"]
    video = place.rpartition("/")[2]
    assert {one["Key"] for one in found} == {f"theirs/films/{video}/{name}" for name in FILES}


def test_an_export_goes_on_with_the_next_gateway(
    bucket: Bucket, video_body: Body, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = {"call_networks": ["127.0.0.1/32"], "call_ports": [bucket.port], "call_plain_http": True}
    settings = settings_for(f"sqlite:///{tmp_path}/g.db", tmp_path, **more)
    with gateway(settings) as first:
        client = first.client("moved")
        body = video_body(client, destination={"url": bucket.url("eight.mp4")})
        place = client.post("/v1/videos", json=body).headers["location"]
    finish(first, place.rpartition("/")[2])
    with gateway(settings) as second:
        client = second.with_token(first.key("moved"))
        assert settled(client, place)["status"] == "delivered"
