"""Between the gateway and a real Prefect server; the test plays the worker."""

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.dispatch import Dispatcher
from api.ending import Ending
from api.jobs import Prefect
from api.quotes import Prices
from models.contracts import Failure
from models.errors import ServiceUnavailable
from models.storage import LocalStore
from models.watermark.ledger import carriers
from tests.api.conftest import settings_for
from tests.api.prefect_by_hand import PrefectByHand
from tests.api.running import NOWHERE, Api, eventually, gateway, gateway_process
from tests.models.watermark.test_ledger import entered
from tests.orchestra import free_port

Body = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def prefect(prefect_server: None, store: Path) -> Iterator[PrefectByHand]:
    made = PrefectByHand.here(store)
    yield made
    made.http.close()


@pytest.fixture(scope="module")
def api(prefect: PrefectByHand, database_url: str, store: Path) -> Iterator[Api]:
    more = {"prefect_url": prefect.url, "prefect_auth": prefect.auth}
    with gateway(settings_for(database_url, store, **more)) as running:
        yield running


def asked(client: httpx.Client, body: dict[str, Any]) -> str:
    answer = client.post("/v1/videos", json=body)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def run_of(prefect: PrefectByHand, video: str) -> dict[str, Any]:
    (run,) = eventually(lambda: prefect.runs_of(video))
    return run


def until(client: httpx.Client, video: str, status: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = client.get(f"/v1/videos/{video}").json()
        return found if found["status"] == status else None

    found = eventually(look)
    assert found is not None
    return found


def test_a_video_goes_through_prefect_and_comes_back(
    api: Api, prefect: PrefectByHand, video_body: Body
) -> None:
    client = api.client("whole")
    video = asked(client, video_body(client, priority="high"))
    run = run_of(prefect, video)
    assert run["work_queue_name"] == "high"
    request = client.get(f"/v1/videos/{video}").json()["request_id"]
    assert set(run["tags"]) == {"caller:whole", f"video:{video}", f"request:{request}"}
    assert run["parameters"]["request"]["portrait"]["image"].startswith("store:uploads/")
    assert run["parameters"]["request"]["delivery"]["key_prefix"] == f"videos/{video}"
    prefect.move(run["id"], "RUNNING")
    prefect.tell_progress(run["id"], "Rendering", 40.0)
    until(client, video, "running")
    eventually(lambda: 10 < client.get(f"/v1/videos/{video}").json()["percent"] < 40)
    told = client.get(f"/v1/videos/{video}").json()
    assert told["stage"] == "Rendering"
    assert 0 < told["eta_s"] < 10
    prefect.deliver(video)
    prefect.move(run["id"], "COMPLETED")
    done = until(client, video, "done")
    assert done["percent"] == 100.0
    assert done["receipt"]["render_s"] == 3.0
    assert float(done["receipt"]["price"]["amount"]) == 2.0  # 1 a video, 6 a minute, 10 s
    assert httpx.get(done["files"]["video"]).content == b"moving pictures"
    assert float(client.get("/v1/usage").json()["month_total"]["amount"]) == 2.0


def test_a_flow_s_reason_reaches_the_caller(
    api: Api, prefect: PrefectByHand, video_body: Body
) -> None:
    client = api.client("refused")
    video = asked(client, video_body(client))
    run = run_of(prefect, video)
    failure = Failure(code="face_not_found", message="no face: use a frontal photo")
    prefect.fail(video, failure)
    prefect.move(run["id"], "FAILED")
    assert until(client, video, "failed")["error"] == failure.model_dump()
    assert float(client.get("/v1/usage").json()["month_total"]["amount"]) == 0


def test_the_events_tell_it_in_order_and_resume(
    api: Api, prefect: PrefectByHand, video_body: Body
) -> None:
    client = api.client("follower")
    video = asked(client, video_body(client))
    run = run_of(prefect, video)
    prefect.move(run["id"], "RUNNING")
    until(client, video, "running")
    prefect.deliver(video)
    prefect.move(run["id"], "COMPLETED")
    told = events(client, video)
    kinds = [kind for _, kind in told if kind != "video.progress"]
    assert kinds == ["video.queued", "video.running", "video.done"]
    later = events(client, video, told[0][0])
    assert later == told[1:]


def events(client: httpx.Client, video: str, after: str | None = None) -> list[tuple[str, str]]:
    headers = {} if after is None else {"Last-Event-ID": after}
    text = client.get(f"/v1/videos/{video}/events", headers=headers).text
    blocks = [block for block in text.replace("\r\n", "\n").split("\n\n") if "event:" in block]
    fields = [dict(line.split(": ", 1) for line in block.splitlines()) for block in blocks]
    return [(one["id"], one["event"]) for one in fields]


def test_waiting_videos_know_their_place(
    api: Api, prefect: PrefectByHand, video_body: Body
) -> None:
    client = api.client("waiter")
    body = video_body(client)
    slow = asked(client, {**body, "priority": "batch"})
    run_of(prefect, slow)
    quick = asked(client, {**body, "priority": "high"})
    run_of(prefect, quick)

    def in_order() -> bool:
        found = [client.get(f"/v1/videos/{name}").json() for name in (quick, slow)]
        first, second = (video["queue_position"] for video in found)
        return first == 1 and second is not None and second > 1

    eventually(in_order)
    client.post(f"/v1/videos/{slow}/cancel")
    client.post(f"/v1/videos/{quick}/cancel")
    until(client, slow, "cancelled")
    until(client, quick, "cancelled")


def test_a_running_video_is_cancelled_in_prefect(
    api: Api, prefect: PrefectByHand, video_body: Body
) -> None:
    client = api.client("stopper")
    video = asked(client, video_body(client))
    run = run_of(prefect, video)
    prefect.move(run["id"], "RUNNING")
    until(client, video, "running")
    answer = client.post(f"/v1/videos/{video}/cancel")
    assert (answer.status_code, answer.json()["cancel_requested"]) == (202, True)
    eventually(lambda: prefect.runs_of(video)[0]["state_type"] in ("CANCELLING", "CANCELLED"))
    prefect.move(run["id"], "CANCELLED")
    until(client, video, "cancelled")
    again = client.post(f"/v1/videos/{video}/cancel")
    assert (again.status_code, again.json()["status"]) == (202, "cancelled")
    assert client.delete(f"/v1/videos/{video}").status_code == 204


def test_a_run_that_was_deleted_is_ordered_again(
    api: Api, prefect: PrefectByHand, video_body: Body
) -> None:
    client = api.client("lost")
    video = asked(client, video_body(client))
    first = run_of(prefect, video)["id"]
    prefect.delete(first)
    second = eventually(lambda: [one for one in prefect.runs_of(video) if one["id"] != first])
    prefect.deliver(video)
    prefect.move(second[0]["id"], "COMPLETED")
    until(client, video, "done")


def test_what_a_deleted_run_delivered_is_not_rendered_again(
    api: Api, prefect: PrefectByHand, video_body: Body
) -> None:
    client = api.client("late")
    video = asked(client, video_body(client))
    first = run_of(prefect, video)["id"]
    prefect.deliver(video)
    prefect.delete(first)
    until(client, video, "done")
    assert prefect.runs_of(video) == []


def test_a_deleted_video_s_files_are_gone(
    api: Api, prefect: PrefectByHand, video_body: Body, store: Path, tmp_path: Path
) -> None:
    client = api.client("cleaner")
    video = asked(client, video_body(client))
    run = run_of(prefect, video)
    prefect.deliver(video)
    prefect.move(run["id"], "COMPLETED")
    link = until(client, video, "done")["files"]["video"]
    entered(video, ("c0ffee123456",), LocalStore(store), tmp_path)
    assert client.delete(f"/v1/videos/{video}").status_code == 204
    assert list((store / "videos" / video).iterdir()) == []
    assert list(carriers("c0ffee123456", LocalStore(store))) == []  # no mark leads to it
    assert httpx.get(link).status_code == 403  # as for any link that opens nothing


def test_two_dispatchers_at_once_make_one_run(
    api: Api, prefect: PrefectByHand, video_body: Body, store: Path
) -> None:
    client = api.client("doubled")
    video = asked(client, video_body(client))

    async def dispatch(database: Any) -> None:  # noqa: ANN401
        prices = Prices(api.settings.price_per_minute, api.settings.price_per_video)
        ending = Ending(database, LocalStore(store), prices)
        both = [Prefect(prefect.url, prefect.auth) for _ in range(2)]
        dispatchers = [Dispatcher(database, one, ending, "avatar-video/cpu") for one in both]
        passes = (one.dispatch() for one in dispatchers)
        for ended in await asyncio.gather(*passes, return_exceptions=True):
            assert ended is None or isinstance(ended, int | ServiceUnavailable)  # a locked SQLite
        for one in both:
            await one.close()

    api.in_database(dispatch)
    assert len(prefect.runs_of(video)) == 1
    eventually(lambda: client.get(f"/v1/videos/{video}").json()["queue_position"] is not None)
    assert len(prefect.runs_of(video)) == 1


def test_what_was_accepted_without_prefect_is_delivered_when_it_is_back(
    prefect: PrefectByHand, tmp_path: Path, store: Path, video_body: Body
) -> None:
    port = free_port()
    url = prefect.url.replace(prefect.url.split(":")[2].split("/")[0], str(port))
    more = {"prefect_url": url, "prefect_auth": prefect.auth}
    with gateway(settings_for(f"sqlite:///{tmp_path}/g.db", store, **more)) as api:
        client = api.client("patient")
        video = asked(client, video_body(client))
        assert api.http.get("/readyz").json()["prefect"].startswith("away")
        assert "avatar_gateway_undispatched_videos 1.0" in api.http.get("/metrics").text
        assert client.get(f"/v1/videos/{video}").json()["status"] == "queued"
        with forwarding(port, prefect.url):
            run = run_of(prefect, video)
            prefect.deliver(video)
            prefect.move(run["id"], "COMPLETED")
            until(client, video, "done")
    assert len(prefect.runs_of(video)) == 1


@contextmanager
def forwarding(port: int, url: str) -> Iterator[None]:
    """A pipe to Prefect on the port where the gateway looks for it: the server that came back."""
    import threading

    target = int(url.split(":")[2].split("/")[0])
    listener = socket.create_server(("127.0.0.1", port))
    ends: list[socket.socket] = []

    def pipe(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65_536):
                sink.sendall(data)
        except OSError:
            return

    def accept() -> None:
        while True:
            try:
                here, _ = listener.accept()
            except OSError:
                return
            there = socket.create_connection(("127.0.0.1", target))
            ends.extend((here, there))
            for pair in ((here, there), (there, here)):
                threading.Thread(target=pipe, args=pair, daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)
        for end in ends:
            end.close()


def test_a_gateway_killed_after_accepting_loses_nothing_and_doubles_nothing(
    prefect: PrefectByHand, tmp_path: Path, store: Path, video_body: Body
) -> None:
    """Accepted while Prefect is away, SIGKILLed, started again with Prefect: one run each."""
    settings = settings_for(f"sqlite:///{tmp_path}/g.db", store)
    port = free_port()
    api = Api(f"http://127.0.0.1:{port}", settings)
    with gateway_process(settings, port, tmp_path / "first.log") as process:
        client = api.client("survivor")
        body = video_body(client)
        videos = [asked(client, body) for _ in range(5)]
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    assert settings.prefect_url == NOWHERE
    back = settings.model_copy(
        update={"prefect_url": prefect.url, "prefect_auth": settings_auth(prefect)}
    )
    with gateway_process(back, port, tmp_path / "second.log") as process:
        for video in videos:
            run_of(prefect, video)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    with gateway_process(back, port, tmp_path / "third.log"):
        for video in videos:
            prefect.deliver(video)
            prefect.move(run_of(prefect, video)["id"], "COMPLETED")
        for video in videos:
            until(client, video, "done")
    assert [len(prefect.runs_of(video)) for video in videos] == [1] * 5
    api.close()


def settings_auth(prefect: PrefectByHand) -> Any:  # noqa: ANN401
    from pydantic import SecretStr

    return SecretStr(prefect.auth) if prefect.auth else None
