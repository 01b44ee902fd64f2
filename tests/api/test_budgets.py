"""Budgets warn once a level and month, stop where they are to, and months are accounted."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from api.budgets import reached
from api.database import Database
from api.ending import Ending
from api.quotes import Prices
from api.tables import WebhookOutbox
from models.contracts import Usage, VideoResult
from models.storage import store_at
from models.usage import Rates, receipt
from tests.api.conftest import settings_for
from tests.api.hostile.files import jpeg
from tests.api.prefect_by_hand import result
from tests.api.receiving import receiver
from tests.api.running import Api, eventually, gateway

SCRIPT = {"type": "script", "script": "Papa may buy a map."}
PRICE = Prices(Decimal(0), Decimal(1))  # a unit for each video
UNIT = 1_000_000
CLOCKS = ("api.accepting", "api.accounts", "api.budgets", "api.ending", "api.routes.usage")


class Clock:
    """What the gateway of this process takes for the time."""

    def __init__(self, patch: pytest.MonkeyPatch, at: datetime) -> None:
        self.at = at
        for module in CLOCKS:
            patch.setattr(f"{module}.now", lambda: self.at)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch, datetime(2026, 11, 30, 23, 59, tzinfo=UTC))


@pytest.fixture
def api(clock: Clock, database_url: str, tmp_path: Path) -> Iterator[Api]:
    more = {"price_per_minute": "0", "price_per_video": "1"}
    with gateway(settings_for(database_url, tmp_path / "s", **more)) as running:
        yield running


def asked(client: httpx.Client) -> httpx.Response:
    upload = client.post("/v1/uploads", content=jpeg()).json()["id"]
    return client.post("/v1/videos", json={"portrait": {"upload": upload}, "speech": SCRIPT})


def told(api: Api, owner: str) -> list[tuple[str, str, int]]:
    async def read(database: Database) -> list[tuple[str, str, int]]:
        query = select(WebhookOutbox).where(
            WebhookOutbox.owner == owner, WebhookOutbox.type.startswith("budget.")
        )
        async with database.reading() as session:
            rows = await session.scalars(query.order_by(WebhookOutbox.id))
            found = [(row.type, row.payload["budget"]) for row in rows]
            return [(kind, facts["month"], facts["spent"]) for kind, facts in found]

    return api.in_database(read)


def listening(api: Api, owner: str, **options: Any) -> httpx.Client:  # noqa: ANN401
    """A caller whose events are kept, because somebody wants them."""
    client = api.client(owner, **options)
    client.post("/v1/webhooks", json={"url": "https://hooks.invalid/x"}).raise_for_status()
    return client


def done(api: Api, video: str, used: Usage) -> None:
    """It ends as it does when its run has delivered."""

    async def end(database: Database) -> None:
        ending = Ending(database, store_at(api.settings.store), PRICE)
        paid = receipt(used, Rates(cpu_hour=3.6, gpu_hour=36.0))
        made = result(f"videos/{video}").model_copy(update={"receipt": paid})
        await ending.end(video, "done", result=VideoResult.model_validate(made.model_dump()))

    api.in_database(end)


@pytest.mark.parametrize(
    ("spent", "levels"), [(79, []), (80, [80]), (99, [80]), (100, [80, 100]), (250, [80, 100])]
)
def test_a_level_is_reached_at_it_and_not_before(spent: int, levels: list[int]) -> None:
    assert list(reached(spent, 100)) == levels


def test_each_level_is_told_once_and_again_in_the_next_month(api: Api, clock: Clock) -> None:
    client = listening(api, "anna", monthly_budget=5 * UNIT)
    for _ in range(3):
        assert asked(client).status_code == 202
    assert told(api, "anna") == []
    asked(client)
    warned = ("budget.warning", "2026-11", 4 * UNIT)
    assert told(api, "anna") == [warned]
    asked(client)
    full = ("budget.reached", "2026-11", 5 * UNIT)
    assert told(api, "anna") == [warned, full]
    assert asked(client).json()["code"] == "budget_exceeded"
    assert told(api, "anna") == [warned, full]

    clock.at = datetime(2026, 12, 1, 0, 1, tzinfo=UTC)
    for _ in range(4):
        assert asked(client).status_code == 202
    assert told(api, "anna")[2:] == [("budget.warning", "2026-12", 4 * UNIT)]


def test_a_soft_budget_tells_and_stops_nothing(api: Api) -> None:
    client = listening(api, "ben", monthly_budget=UNIT, hard_stop=False)
    assert [asked(client).status_code for _ in range(3)] == [202, 202, 202]
    assert [kind for kind, *_ in told(api, "ben")] == ["budget.warning", "budget.reached"]


def test_the_metric_counts_keys_by_level(api: Api) -> None:
    for owner, videos in (("cora", 4), ("dora", 5)):
        client = listening(api, owner, monthly_budget=5 * UNIT)
        for _ in range(videos):
            asked(client)
    text = api.http.get("/metrics").text
    found = {
        level: float(line.rpartition(" ")[2])
        for line in text.splitlines()
        for level in ("80", "100")
        if line.startswith(f'avatar_gateway_budget_keys{{level="{level}"}}')
    }
    assert found["80"] - found["100"] == 1


def test_a_webhook_is_told_in_money(database_url: str, tmp_path: Path) -> None:
    with receiver() as hook:
        more = {
            "price_per_minute": "0",
            "price_per_video": "1",
            "call_networks": ["127.0.0.0/8"],
            "call_ports": [hook.port],
            "call_plain_http": True,
        }
        with gateway(settings_for(database_url, tmp_path / "s", **more)) as api:
            client = api.client("edda", monthly_budget=UNIT)
            wanted = {"url": hook.url, "events": ["budget.reached"]}
            client.post("/v1/webhooks", json=wanted).raise_for_status()
            asked(client)
            eventually(lambda: hook.messages)
    body = json.loads(hook.messages[0].body)
    assert body["type"] == "budget.reached"
    assert body["data"]["spent"] == {"amount": "1", "currency": "USD"}
    assert (body["data"]["level"], body["data"]["hard_stop"]) == (100, True)


def test_a_finished_video_shows_its_receipt_and_months_add_them_up(api: Api, clock: Clock) -> None:
    client = api.client("fred")
    used = Usage(cpu_s=2.0, gpu_s=3.0, prompt_tokens=70, completion_tokens=30, stored_bytes=500)
    videos = [asked(client).json()["id"] for _ in range(2)]
    for video in videos:
        done(api, video, used)
    shown = client.get(f"/v1/videos/{videos[0]}").json()["receipt"]
    assert {item["name"] for item in shown["items"]} >= {"CPU", "GPU", "LLM input"}
    assert float(shown["cost"]["amount"]) == pytest.approx(0.032016, abs=1e-5)

    clock.at = datetime(2026, 12, 2, tzinfo=UTC)
    done(api, asked(client).json()["id"], used)
    november, december = client.get("/v1/usage/months").json()["data"]
    assert (november["month"], november["done"], december["done"]) == ("2026-11", 2, 1)
    assert (november["cpu_s"], november["gpu_s"]) == (4.0, 6.0)
    assert (november["tokens"], november["stored_bytes"]) == (200, 1000)
    assert Decimal(november["price"]["amount"]) == 2
    only = client.get("/v1/usage/months", params={"since": "2026-12", "until": "2026-12"}).json()
    assert [row["month"] for row in only["data"]] == ["2026-12"]

    report = client.get("/v1/usage/months/report")
    assert report.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(report.text)))
    assert [(row["month"], row["gpu_s"], row["price"]) for row in rows] == [
        ("2026-11", "6.0", "2"),
        ("2026-12", "3.0", "1"),
    ]
    assert api.client("gina").get("/v1/usage/months").json()["data"] == []
