"""The Python client against a real gateway; transports that lose things forward to it."""

import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import pytest

from api import client as client_module
from api.client import ApiError, Client
from api.contracts import (
    NewBatch,
    NewPreflight,
    NewQuote,
    NewVideo,
    Portrait,
    Script,
    VideoResource,
)
from models.contracts import Failure
from tests.api.finishing import FILES, finish, finishing
from tests.api.running import Api

SPEECH = Script(type="script", script="Papa may buy a map.")
Change = Callable[[httpx.Request, httpx.Response], httpx.Response]


class Through(httpx.BaseTransport):
    """Forwards every request, remembers it, and hands on what `change` makes of the answer."""

    def __init__(self, change: Change) -> None:
        self._inner, self._change = httpx.HTTPTransport(), change
        self.requests: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self._change(request, self._inner.handle_request(request))

    def close(self) -> None:
        self._inner.close()


class Cut(httpx.SyncByteStream):
    """A body whose line is lost after its first piece."""

    def __init__(self, answer: httpx.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        assert isinstance(self._answer.stream, httpx.SyncByteStream)
        yield from islice(self._answer.stream, 1)
        raise httpx.ReadError("the line is lost")

    def close(self) -> None:
        self._answer.close()


@pytest.fixture
def portrait(portrait_png: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "portrait.png"
    path.write_bytes(portrait_png)
    return path


@pytest.fixture
def connect(sqlite_api: Api) -> Iterator[Callable[..., Client]]:
    made = []

    def connected(owner: str, change: Change | None = None, **options: Any) -> Client:  # noqa: ANN401
        key = sqlite_api.key(owner, **options.pop("key", {}))
        transport = Through(change) if change else None
        made.append(Client(sqlite_api.url, key, transport=transport, **options))
        return made[-1]

    yield connected
    for client in made:
        client.close()


Connect = Callable[..., Client]


def asked(client: Client, portrait: Path) -> VideoResource:
    upload = client.upload(portrait)
    return client.create_video(NewVideo(portrait=Portrait(upload=upload.id), speech=SPEECH))


def test_a_video_from_its_portrait_to_its_files(
    sqlite_api: Api, connect: Connect, portrait: Path, tmp_path: Path
) -> None:
    client = connect("whole")
    assert client.quote(NewQuote(speech=SPEECH)).price.amount > 0
    heard: list[str] = []
    with finishing(sqlite_api):
        video = client.wait(asked(client, portrait).id, lambda event: heard.append(event.type))
    assert video.status == "done"
    assert (heard[0], heard[-1]) == ("video.queued", "video.done")
    places = client.download(video, tmp_path / "new" / "folder")
    assert {name: place.read_bytes() for name, place in places.items()} == FILES
    assert {place.name for place in places.values()} == {f"{video.id}-{name}" for name in FILES}


def test_a_video_that_fails_says_why(sqlite_api: Api, connect: Connect, portrait: Path) -> None:
    client = connect("unlucky")
    failure = Failure(code="face_not_found", message="no face: use another picture")
    with finishing(sqlite_api, failure):
        video = client.wait(asked(client, portrait).id)
    assert (video.status, video.error) == ("failed", failure)
    with pytest.raises(ValueError, match="has no files"):
        client.download(video, ".")


def test_a_lost_answer_makes_no_second_video(connect: Connect, portrait: Path) -> None:
    lost = Counter[str]()

    def lose(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        lost[request.url.path] += 1
        if request.method == "POST" and lost[request.url.path] < 3:
            raise httpx.ReadError("the answer is lost")
        return answer

    client = connect("forgetful", lose, sleep=lambda _: None)
    video = asked(client, portrait)
    assert lost == {"/v1/uploads": 3, "/v1/videos": 3}
    assert [one.id for one in client.list_videos()] == [video.id]


def test_a_deletion_whose_answer_is_lost_is_done(
    sqlite_api: Api, connect: Connect, portrait: Path
) -> None:
    seen = Counter[str]()

    def lose(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        seen[request.method] += 1
        if request.method == "DELETE" and seen["DELETE"] == 1:
            raise httpx.ReadError("the answer is lost")
        return answer

    client = connect("tidy", lose, sleep=lambda _: None)
    video = asked(client, portrait).id
    finish(sqlite_api, video)
    client.delete_video(video)
    assert list(client.list_videos()) == []
    with pytest.raises(ApiError, match="there is no video"):
        client.delete_video(video)


def test_a_full_rate_is_waited_for_as_long_as_it_says(connect: Connect, portrait: Path) -> None:
    waited: list[float] = []
    client = connect("eager", sleep=waited.append, attempts=3, key={"requests_per_minute": 1})
    asked(client, portrait)
    with pytest.raises(ApiError) as failed:
        asked(client, portrait)
    assert (failed.value.status, failed.value.code) == (429, "rate_limited")
    assert len(waited) == 2
    assert all(50 < seconds <= 61 for seconds in waited)


def test_a_gateway_that_restarts_is_waited_for(connect: Connect) -> None:
    waited: list[float] = []

    def restart(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        if len(waited) < 2:
            return httpx.Response(503, headers={"Retry-After": "3"}, text="<html>away</html>")
        return answer

    client = connect("patient", restart, sleep=waited.append)
    assert client.voices("de")
    assert waited == [3, 3]


def test_a_gateway_that_is_not_there_is_said(tmp_path: Path) -> None:
    with (
        Client("http://127.0.0.1:9", "key", sleep=lambda _: None) as client,
        pytest.raises(ApiError) as failed,
    ):
        client.usage()
    assert (failed.value.code, failed.value.status) == ("unreachable", None)
    assert "http://127.0.0.1:9" in str(failed.value)


def test_a_refusal_names_field_and_remedy(connect: Connect) -> None:
    client = connect("wrong")
    unknown = NewVideo(portrait=Portrait(upload="upl_" + "0" * 32), speech=SPEECH)
    with pytest.raises(ApiError) as failed:
        client.create_video(unknown)
    error = failed.value
    assert (error.status, error.code, error.field) == (422, "invalid_request", "portrait.upload")
    assert error.remedy == "upload the file first"
    assert (error.request_id or "").startswith("req_")


def test_lists_go_from_page_to_page(
    connect: Connect, portrait: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "PAGE", 2)
    client = connect("lister")
    made = [asked(client, portrait).id for _ in range(5)]
    client.cancel_video(made[0])
    assert [video.id for video in client.list_videos()] == made[::-1]
    assert len(list(client.list_videos(status=("queued", "cancelled")))) == 5
    assert len(list(client.list_uploads("image"))) == 1
    assert list(client.list_uploads("audio")) == []


def test_events_go_on_where_the_line_was_lost(
    sqlite_api: Api, connect: Connect, portrait: Path
) -> None:
    resumed: list[str] = []

    def cut(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        if not request.url.path.endswith("/events"):
            return answer
        resumed.append(request.headers["last-event-id"])
        if len(resumed) > 3:
            return answer
        return httpx.Response(answer.status_code, headers=answer.headers, stream=Cut(answer))

    client = connect("resuming", cut, sleep=lambda _: None)
    video = asked(client, portrait).id
    finish(sqlite_api, video)
    events = list(client.events(video))
    assert [event.type for event in events] == ["video.queued", "video.done"]
    assert len(resumed) >= 2
    assert resumed[1] == str(events[0].id)
    assert list(client.events(video, after=events[-1].id)) == []


def test_what_a_newer_gateway_adds_is_left_out(connect: Connect) -> None:
    def newer(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        answer.read()
        told = answer.json()
        told["more"] = told["price"]["more"] = 1
        return httpx.Response(answer.status_code, json=told)

    assert connect("old", newer).quote(NewQuote(speech=SPEECH)).price.currency


def test_signed_links_are_opened_without_the_key(
    sqlite_api: Api, portrait: Path, tmp_path: Path
) -> None:
    """They may lead to a bucket, whose owner has no business with it."""
    transport = Through(lambda _, answer: answer)
    with Client(sqlite_api.url, sqlite_api.key("linked"), transport=transport) as client:
        video = asked(client, portrait).id
        finish(sqlite_api, video)
        client.download(client.get_video(video), tmp_path)
    files = [one for one in transport.requests if "/files/" in one.url.path]
    assert len(files) == len(FILES)
    assert all("authorization" not in one.headers for one in files)


def test_a_download_that_breaks_off_leaves_nothing(
    sqlite_api: Api, connect: Connect, portrait: Path, tmp_path: Path
) -> None:
    def cut(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        if "/files/" not in request.url.path:
            return answer
        return httpx.Response(answer.status_code, headers=answer.headers, stream=Cut(answer))

    client = connect("broken", cut, sleep=lambda _: None)
    video = asked(client, portrait).id
    finish(sqlite_api, video)
    with pytest.raises(ApiError, match="the line is lost"):
        client.download(client.get_video(video), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_batches_and_usage(connect: Connect, portrait: Path) -> None:
    client = connect("batcher")
    upload = client.upload(portrait)
    video = NewVideo(portrait=Portrait(upload=upload.id), speech=SPEECH)
    batch = client.create_batch(NewBatch(name="b", videos=(video, video)))
    assert client.get_batch(batch.id).counts == {"queued": 2}
    assert [one.id for one in client.list_batches()] == [batch.id]
    assert len(list(client.list_videos(batch=batch.id))) == 2
    assert client.cancel_batch(batch.id).id == batch.id
    assert client.usage().data[0].videos == 2
    client.delete_upload(upload.id)
    assert list(client.list_uploads()) == []


def test_a_preflight_without_prefect_is_tried_again_and_told(
    connect: Connect, portrait: Path
) -> None:
    waited: list[float] = []
    client = connect("examiner", sleep=waited.append, attempts=2)
    upload = client.upload(portrait)
    with pytest.raises(ApiError) as failed:
        client.preflight(NewPreflight(portrait=Portrait(upload=upload.id)))
    assert (failed.value.status, waited) == (503, [5])


def test_cancelling_twice_is_cancelling(connect: Connect, portrait: Path) -> None:
    client = connect("canceller")
    video = asked(client, portrait).id
    assert client.cancel_video(video).id == client.cancel_video(video).id


@pytest.mark.parametrize(
    ("url", "key"), [("avatar.example.com", "k"), ("http://x", "a b"), ("http://x", "é")]
)
def test_what_is_no_address_and_no_key_is_said_at_once(url: str, key: str) -> None:
    with pytest.raises(ValueError, match=r"address|key"):
        Client(url, key)


def test_the_client_brings_no_server_along() -> None:
    program = (
        "import sys, api.client;"
        "print({'fastapi', 'sqlalchemy', 'prefect', 'numpy', 'torch'} & set(sys.modules))"
    )
    out = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert out.stdout == "set()\n"
