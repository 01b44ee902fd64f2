"""Files in S3: links that S3 answers, uploads that go past the gateway, encryption at rest.

On moto's server and on MiniStack, which alone checks signatures: its program is found on the PATH
or by the variable MINISTACK.
"""

import hashlib
import io
import os
import shutil
import subprocess
import wave
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from sqlalchemy import select, update

from api import direct
from api.database import Database
from api.tables import Upload
from models.storage import store_at
from models.stores.s3 import S3Store
from tests.api.conftest import settings_for
from tests.api.finishing import FILES, MP4, finish
from tests.api.running import Api, eventually, gateway
from tests.models.stores.conftest import BUCKET, CREDENTIALS, s3_port
from tests.orchestra import free_port

__all__ = ["s3_port"]

Body = Callable[..., dict[str, Any]]


def recording() -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(32_000))
    return buffer.getvalue()


@pytest.fixture(scope="module")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program = os.environ.get("MINISTACK") or shutil.which("ministack")
    if program is None:
        pytest.skip("signatures are checked against MiniStack: pip install it somewhere else")
    port, folder = free_port(), tmp_path_factory.mktemp("ministack")
    env = {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "SERVICES": "s3"}
    log = (folder / "log").open("wb")
    with (
        log,
        subprocess.Popen(
            [program], env=os.environ | env, cwd=folder, stdout=log, stderr=log
        ) as process,
    ):
        url = f"http://127.0.0.1:{port}"
        eventually(lambda: _answers(url))
        yield url
        process.terminate()


def _answers(url: str) -> bool:
    try:
        httpx.get(url, timeout=1)
    except httpx.TransportError:
        return False
    return True


@pytest.fixture(params=["moto", "ministack"])
def s3_url(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A server that speaks S3, to which AWS's settings lead; our bucket is there."""
    if request.param == "moto":
        url = f"http://127.0.0.1:{request.getfixturevalue('s3_port')}"
    else:
        url = str(request.getfixturevalue("ministack"))
    for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL_S3": url}.items():
        monkeypatch.setenv(name, value)
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    return url


@pytest.fixture
def api(s3_url: str, tmp_path: Path) -> Iterator[Api]:
    place = f"s3://{BUCKET}/{tmp_path.name.lower()}?cache={tmp_path / 'cache'}&sse=AES256"
    with gateway(settings_for(f"sqlite:///{tmp_path}/g.db", place)) as running:
        yield running


def stored(api: Api) -> S3Store:
    store = store_at(api.settings.store)
    assert isinstance(store, S3Store)
    return store


def announced(client: httpx.Client, content: bytes, kind: str = "image") -> dict[str, Any]:
    sha256 = hashlib.sha256(content).hexdigest()
    body = {"kind": kind, "size": len(content), "sha256": sha256}
    answer = client.post("/v1/uploads/direct", json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def sent(put: dict[str, Any], content: bytes) -> httpx.Response:
    headers = {**put["headers"], "Content-Length": str(len(content))}
    return httpx.put(put["url"], content=content, headers=headers)


def incoming(api: Api) -> list[str]:
    return [entry.key for entry in stored(api).entries(direct.INCOMING)]


def test_links_lead_to_s3_and_captions_stay_with_the_page(api: Api, video_body: Body) -> None:
    client = api.client("viewer")
    video = client.post("/v1/videos", json=video_body(client)).json()["id"]
    finish(api, video)
    files = client.get(f"/v1/videos/{video}").json()["files"]
    answer = httpx.get(files["video"])
    assert (answer.status_code, answer.content) == (200, MP4)
    assert files["video"].startswith(os.environ["AWS_ENDPOINT_URL_S3"])
    assert answer.headers["content-disposition"] == f'inline; filename="{video}-video.mp4"'
    part = httpx.get(files["video"], headers={"Range": "bytes=0-9"})
    assert (part.status_code, part.content) == (206, MP4[:10])
    captions = httpx.get(files["captions_vtt"])
    assert files["captions_vtt"].startswith(api.url)
    assert (captions.status_code, captions.content) == (200, FILES["captions.vtt"])
    assert client.delete(f"/v1/videos/{video}").status_code == 204
    assert httpx.get(files["video"]).status_code in (403, 404)  # moto does not say which


@pytest.mark.parametrize("s3_url", ["ministack"], indirect=True)
def test_s3_refuses_links_that_ended_or_were_changed(api: Api, video_body: Body) -> None:
    client = api.client("viewer")
    video = client.post("/v1/videos", json=video_body(client)).json()["id"]
    finish(api, video)
    link = client.get(f"/v1/videos/{video}").json()["files"]["video"]
    for changed in (
        link.replace("video.mp4?", "manifest.json?"),
        link.replace("inline", "attachment"),
        link[:-4] + ("0000" if link[-4:] != "0000" else "1111"),
        link.replace("X-Amz-Expires=86400", "X-Amz-Expires=604800"),
    ):
        assert changed != link
        assert httpx.get(changed).status_code == 403, changed
    ended = stored(api).presigned_get(f"videos/{video}/video.mp4", "inline", 1)
    eventually(lambda: httpx.get(ended).status_code == 403)


def test_what_is_kept_is_encrypted(api: Api, video_body: Body) -> None:
    client, store = api.client("careful"), stored(api)
    video_body(client)
    (entry,) = store.entries("uploads/")
    told = store.client.head_object(Bucket=BUCKET, Key=store.object_name(entry.key))
    assert told["ServerSideEncryption"] == "AES256"


def test_a_file_goes_past_the_gateway(api: Api, portrait_png: bytes) -> None:
    client = api.client("direct")
    begun = announced(client, portrait_png)
    assert begun["upload"]["status"] == "pending"
    complete = f"/v1/uploads/{begun['upload']['id']}/complete"
    assert client.post(complete).json()["code"] == "upload_not_sent"
    assert sent(begun["put"], portrait_png).status_code == 200
    answer = client.post(complete)
    assert answer.status_code == 200, answer.text
    upload = answer.json()
    assert (upload["status"], upload["width"], upload["height"]) == ("ready", 512, 512)
    assert upload["id"] == begun["upload"]["id"]
    assert incoming(api) == []
    assert client.post(complete).json() == upload
    speech = {"type": "script", "script": "Papa."}
    asked = {"portrait": {"upload": upload["id"]}, "speech": speech}
    assert client.post("/v1/videos", json=asked).status_code == 202
    body = {"kind": "image", "size": len(portrait_png), "sha256": upload["sha256"]}
    again = client.post("/v1/uploads/direct", json=body)
    assert (again.status_code, again.json()["put"]) == (200, None)


def test_the_same_file_sent_both_ways_is_one_upload(api: Api, portrait_png: bytes) -> None:
    client = api.client("twice")
    begun = announced(client, portrait_png)
    sent(begun["put"], portrait_png)
    first = client.post("/v1/uploads", content=portrait_png).json()["id"]
    second = client.post(f"/v1/uploads/{begun['upload']['id']}/complete").json()["id"]
    assert first == second
    assert [one["id"] for one in client.get("/v1/uploads").json()["data"]] == [first]


@pytest.mark.parametrize(
    ("kind", "content", "code"),
    [
        ("image", b"\x89PNG\r\n\x1a\n" + bytes(500), "image_unreadable"),
        ("image", b"#!/bin/sh\n" * 50, "upload_unsupported"),
        ("image", recording(), "upload_mismatch"),
        ("audio", b"%PDF-1.7\n" + bytes(500), "upload_unsupported"),
    ],
)
def test_what_would_not_do_is_refused_and_deleted(
    api: Api, kind: str, content: bytes, code: str
) -> None:
    client = api.client("hostile")
    begun = announced(client, content, kind)
    sent(begun["put"], content)
    answer = client.post(f"/v1/uploads/{begun['upload']['id']}/complete")
    assert (answer.status_code, answer.json()["code"]) in ((415, code), (422, code))
    assert incoming(api) == []
    assert [*stored(api).entries("uploads/")] == [] or kind == "image"
    assert client.get("/v1/uploads").json()["data"] == []


def test_other_bytes_than_announced_are_refused(api: Api, portrait_png: bytes) -> None:
    """Where S3 lets them pass, as a server that checks no signatures does."""
    client = api.client("liar")
    for other in (portrait_png + b"\0", portrait_png[:-1] + b"\1"):
        begun = announced(client, portrait_png)
        if sent(begun["put"], other).is_success:
            answer = client.post(f"/v1/uploads/{begun['upload']['id']}/complete")
            assert (answer.status_code, answer.json()["code"]) == (422, "upload_mismatch")
        assert incoming(api) == []


def test_another_owner_can_neither_complete_nor_see_it(api: Api, portrait_png: bytes) -> None:
    begun = announced(api.client("ann"), portrait_png)
    sent(begun["put"], portrait_png)
    place = f"/v1/uploads/{begun['upload']['id']}"
    ben = api.client("ben")
    assert ben.post(f"{place}/complete").status_code == 404
    assert ben.get(place).status_code == 404


def test_what_was_begun_and_left_is_forgotten(api: Api, portrait_png: bytes) -> None:
    client = api.client("forgetful")
    begun = announced(client, portrait_png)
    sent(begun["put"], portrait_png)

    async def later(database: Database) -> None:
        await direct.forget_stale(database, stored(api))
        async with database.writing() as session:
            row = await session.get_one(Upload, begun["upload"]["id"])
            old = row.created_at - direct.KEPT - timedelta(minutes=1)
            await session.execute(update(Upload).values(created_at=old))
        await direct.forget_stale(database, stored(api))
        async with database.reading() as session:
            assert (await session.scalars(select(Upload))).all() == []

    api.in_database(later)


def test_a_gateway_with_a_folder_says_where_to_send_files(tmp_path: Path) -> None:
    with gateway(settings_for(f"sqlite:///{tmp_path}/g.db", tmp_path)) as api:
        body = {"kind": "audio", "size": 5, "sha256": "0" * 64}
        answer = api.client("local").post("/v1/uploads/direct", json=body)
        assert (answer.status_code, answer.json()["code"]) == (409, "direct_upload_unavailable")
        too_large = {**body, "kind": "image", "size": 11 << 20}
        assert api.client("local").post("/v1/uploads/direct", json=too_large).status_code == 422
