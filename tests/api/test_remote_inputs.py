"""Inputs named by address: a real web server, good and bad, and a gateway that fetches from it."""

import asyncio
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from api.database import Database
from api.fetch import Fetcher
from api.guard import Guarded, Policy
from api.tables import Video
from models.contracts import MAX_IMAGE_BYTES
from models.errors import AddressRefused
from tests.api.conftest import settings_for
from tests.api.hostile.files import png, wav
from tests.api.receiving import Receiver, receiver
from tests.api.remote_site import ATTEMPTS, Site, site
from tests.api.running import Api, eventually, gateway, gateway_process
from tests.orchestra import free_port

SCRIPT = {"type": "script", "script": "Papa may buy a map."}


@pytest.fixture(scope="module")
def files(portrait_png: bytes) -> Iterator[Site]:
    given = {
        "/portrait.png": portrait_png,
        "/bomb.png": png(60_000, 60_000),
        "/page.html": b"<!doctype html><title>Sign in</title>",
        "/minute.wav": wav(60),
        "/empty": b"",
    }
    with site(given) as made:
        yield made


@pytest.fixture(scope="module")
def target() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture(scope="module")
def api(
    database_url: str, tmp_path_factory: pytest.TempPathFactory, files: Site, target: Receiver
) -> Iterator[Api]:
    """Prefect is away: what is fetched stays queued."""
    store = tmp_path_factory.mktemp("store")
    settings = settings_for(database_url, store, **outgoing(files, target))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("api.fetching.WAITS_S", (0.0, 0.0))
        patch.setattr("api.fetch.LIMIT_S", 2.0)
        patch.setattr("api.background.AWAY_S", 0.2)
        with gateway(settings) as running:
            yield running


def outgoing(files: Site, target: Receiver) -> dict[str, Any]:
    return {
        "call_networks": ["127.0.0.1/32"],
        "call_ports": [files.port, target.port],
        "call_plain_http": True,
    }


@pytest.fixture(autouse=True)
def forgetful(files: Site, target: Receiver) -> None:
    """The servers outlive a gateway on one database, and serve the next one."""
    files.asked.clear()
    target.messages.clear()


def asked(client: httpx.Client, **body: object) -> str:
    answer = client.post("/v1/videos", json={"speech": SCRIPT, **body})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def settled(client: httpx.Client, video: str) -> dict[str, Any]:
    """When its inputs are here, or it has failed."""

    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = client.get(f"/v1/videos/{video}").json()
        return found if found["stage"] != "Fetching" else None

    found = eventually(look)
    assert found is not None
    return found


def order_of(api: Api, video: str) -> dict[str, Any]:
    async def read(database: Database) -> dict[str, Any]:
        async with database.reading() as session:
            return (await session.get_one(Video, video)).order

    return api.in_database(read)


def test_a_portrait_is_fetched_and_becomes_an_upload(
    api: Api, files: Site, portrait_png: bytes
) -> None:
    client = api.client("fetcher")
    url = files.url("/portrait.png")
    video = settled(client, asked(client, portrait={"url": url}))
    assert (video["status"], video["request"]["portrait"]["url"]) == ("queued", url)
    (upload,) = client.get("/v1/uploads").json()["data"]
    assert (upload["kind"], upload["size"]) == ("image", len(portrait_png))
    image = order_of(api, video["id"])["portrait"]["image"]
    assert image == f"store:uploads/{upload['sha256']}.png"
    sent = client.post("/v1/uploads", content=portrait_png)
    assert (sent.status_code, sent.json()["id"]) == (200, upload["id"])


def test_all_inputs_may_be_addresses_and_the_price_follows(api: Api, files: Site) -> None:
    client = api.client("everything")
    portrait = {"url": files.url("/portrait.png")}
    body: dict[str, Any] = {
        "portrait": portrait,
        "speech": {"type": "recording", "url": files.url("/minute.wav")},
        "look": {"background": {"kind": "picture", "url": files.url("/portrait.png")}},
    }
    video = settled(client, asked(client, **body))
    assert float(video["quoted"]["amount"]) == 7.0  # 1 a video, 6 a minute
    assert float(client.get("/v1/usage").json()["month_total"]["amount"]) == 7.0
    order = order_of(api, video["id"])
    assert order["speech"]["audio"].endswith(".wav")
    assert order["look"]["background"]["picture"].endswith(".png")


def test_a_recording_that_is_too_dear_is_not_made(api: Api, files: Site) -> None:
    recording = {"type": "recording", "url": files.url("/minute.wav")}
    portrait = {"url": files.url("/portrait.png")}
    client = api.client("careful")
    video = settled(client, asked(client, portrait=portrait, speech=recording, max_price="2"))
    assert (video["status"], video["error"]["code"]) == ("failed", "price_exceeded")
    poor = api.client("poor", monthly_budget=8_000_000)
    first = settled(poor, asked(poor, portrait=portrait, speech=recording))
    second = settled(poor, asked(poor, portrait=portrait, speech=recording))
    assert first["status"] == "queued"
    assert (second["status"], second["error"]["code"]) == ("failed", "budget_exceeded")
    assert float(poor.get("/v1/usage").json()["month_total"]["amount"]) == 7.0


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/404", "input_not_fetched"),
        ("/401", "input_not_fetched"),
        ("/204", "input_not_fetched"),
        ("/page.html", "upload_unsupported"),
        ("/minute.wav", "invalid_request"),
        ("/empty", "upload_empty"),
        ("/bomb.png", "image_too_large"),
        ("/endless", "image_too_large"),
        ("/packed", "input_not_fetched"),
        ("/to/http://127.0.0.2:{port}/portrait.png", "address_refused"),
        ("/to/http://169.254.169.254/latest/meta-data/", "address_refused"),
        ("/to/file:///etc/passwd", "address_refused"),
        ("/to/https://127.0.0.1:22/", "address_refused"),
        ("/to//to//to//to//to//to//portrait.png", "input_not_fetched"),
    ],
)
def test_what_would_not_do_fails_the_video_at_once(
    api: Api, files: Site, path: str, code: str
) -> None:
    client = api.client(f"refused {path[:20]}")
    path = path.format(port=files.port)
    before = files.asked[path]
    video = settled(client, asked(client, portrait={"url": files.url(path)}))
    assert (video["status"], video["error"]["code"]) == ("failed", code), video["error"]
    assert video["error"]["message"].startswith("portrait.url: ")
    assert files.asked[path] == before + 1
    assert client.get("/v1/uploads").json()["data"] == []
    assert float(client.get("/v1/usage").json()["month_total"]["amount"]) == 0


@pytest.mark.parametrize("path", ["/500", "/503", "/429", "/slow"])
def test_what_may_be_better_later_is_tried_three_times(api: Api, files: Site, path: str) -> None:
    client = api.client(f"again {path}")
    video = settled(client, asked(client, portrait={"url": files.url(path)}))
    assert (video["status"], video["error"]["code"]) == ("failed", "input_unavailable")
    assert video["error"]["retryable"]
    assert files.asked[path] == ATTEMPTS


def test_a_server_that_recovers_is_asked_until_then(api: Api, files: Site) -> None:
    client = api.client("recovering")
    video = settled(client, asked(client, portrait={"url": files.url("/flaky/1")}))
    assert video["status"] == "queued"
    assert files.asked["/flaky/1"] == ATTEMPTS


def test_a_redirect_to_an_allowed_place_is_followed(api: Api, files: Site) -> None:
    client = api.client("led")
    url = files.url("/to/" + files.url("/portrait.png"))
    assert settled(client, asked(client, portrait={"url": url}))["status"] == "queued"


def test_slow_servers_hold_up_nobody_else(api: Api, files: Site) -> None:
    slow, quick = api.client("slow"), api.client("quick")
    waiting = asked(slow, portrait={"url": files.url("/slow/1")})
    eventually(lambda: files.asked["/slow/1"])
    video = asked(quick, portrait={"url": files.url("/portrait.png")})
    assert settled(quick, video)["status"] == "queued"
    found = slow.get(f"/v1/videos/{waiting}").json()
    assert (found["status"], found["stage"]) == ("queued", "Fetching")
    cancelled = slow.post(f"/v1/videos/{waiting}/cancel").json()
    assert cancelled["status"] == "cancelled"


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"portrait": {"url": "http://127.0.0.2/x.png"}}, "portrait.url"),
        ({"portrait": {"url": "file:///etc/passwd"}}, "portrait.url"),
        ({"portrait": {"url": "https://localhost/x.png"}}, "portrait.url"),
        ({"portrait": {"url": "https://a.example/", "upload": "upl_" + "0" * 32}}, "portrait"),
        ({"portrait": {}}, "portrait"),
        ({"speech": {"type": "recording", "url": "https://10.0.0.1/a.wav"}}, "speech.url"),
        (
            {"look": {"background": {"kind": "picture", "url": "https://[::1]/"}}},
            "look.background.url",
        ),
        (
            {"look": {"background": {"kind": "original", "url": "https://a.example/"}}},
            "look.background.upload",
        ),
        ({"callback_url": "https://metadata.google.internal/"}, "callback_url"),
    ],
)
def test_an_address_that_must_not_be_called_is_refused_at_once(
    api: Api, files: Site, change: dict[str, object], place: str
) -> None:
    client = api.client("inside")
    body = {"portrait": {"url": files.url("/portrait.png")}, "speech": SCRIPT, **change}
    answer = client.post("/v1/videos", json=body)
    assert (answer.status_code, answer.json()["field"]) == (422, place), answer.text
    assert answer.json()["remedy"]
    assert client.get("/v1/videos").json()["data"] == []


def test_preflights_and_quotes_ask_for_an_upload(api: Api, files: Site) -> None:
    client = api.client("asker")
    portrait, sound = {"url": files.url("/portrait.png")}, files.url("/minute.wav")
    refused = client.post("/v1/preflight", json={"portrait": portrait})
    assert (refused.status_code, refused.json()["field"]) == (422, "portrait.url")
    speech = {"type": "recording", "url": sound}
    quote = client.post("/v1/quotes", json={"portrait": portrait, "speech": speech})
    assert (quote.status_code, quote.json()["field"]) == (422, "speech.url")
    assert client.post("/v1/quotes", json={"portrait": portrait, "speech": SCRIPT}).is_success


def test_a_callback_is_told_of_its_video(api: Api, files: Site, target: Receiver) -> None:
    client = api.client("called")
    video = asked(client, portrait={"url": files.url("/404")}, callback_url=target.url)
    eventually(lambda: target.messages)
    secret = client.get("/v1/callback-secret").json()["secret"]
    told = Webhook(secret).verify(target.messages[0].body, target.messages[0].headers)
    assert (told["type"], told["data"]["id"]) == ("video.failed", video)
    assert told["data"]["error"]["code"] == "input_not_fetched"

    def delivered() -> bool:
        (row,) = client.get("/v1/deliveries", params={"video": video}).json()["data"]
        return (row["status"], row["webhook"]) == ("delivered", None)

    eventually(delivered)


def test_a_gateway_killed_while_it_fetched_fetches_when_it_is_back(
    files: Site, target: Receiver, tmp_path: Path, portrait_png: bytes
) -> None:
    settings = settings_for(
        f"sqlite:///{tmp_path}/g.db", tmp_path / "store", **outgoing(files, target)
    )
    port = free_port()
    api = Api(f"http://127.0.0.1:{port}", settings)
    with gateway_process(settings, port, tmp_path / "first.log") as process:
        client = api.client("survivor")
        video = asked(client, portrait={"url": files.url("/slow/killed")})
        eventually(lambda: files.asked["/slow/killed"])
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    files.files["/slow/killed"] = portrait_png
    with gateway_process(settings, port, tmp_path / "second.log"):
        assert settled(client, video)["status"] == "queued"
    assert order_of(api, video)["portrait"]["image"].endswith(".png")
    api.close()


def test_a_name_that_leads_inside_is_not_fetched_from(files: Site, tmp_path: Path) -> None:
    async def lying(_host: str, _port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    policy = Policy(ports=frozenset({files.port}), plain_http=True)
    before = files.asked["/portrait.png"]
    url = f"http://pictures.example.com:{files.port}/portrait.png"
    with pytest.raises(AddressRefused):
        fetched(Fetcher(Guarded(policy, lying)), url, tmp_path)
    assert files.asked["/portrait.png"] == before


def test_no_more_is_read_than_a_picture_may_have(files: Site, tmp_path: Path) -> None:
    policy = Policy.of(["127.0.0.1/32"], [files.port], plain_http=True)
    with pytest.raises(Exception, match="make it smaller"):
        fetched(Fetcher(Guarded(policy)), files.url("/endless/2"), tmp_path)
    assert sum(one.stat().st_size for one in tmp_path.iterdir()) <= MAX_IMAGE_BYTES


def fetched(fetcher: Fetcher, url: str, folder: Path) -> None:
    async def go() -> None:
        try:
            await fetcher.fetch(url, "image", folder)
        finally:
            await fetcher.close()

    asyncio.run(go())
