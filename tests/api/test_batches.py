"""Batches out of videos or out of a table: all of it is accepted, or nothing is."""

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from api.database import Database
from api.tables import Video
from models.contracts import Failure
from tests.api.finishing import finish
from tests.api.running import Api, eventually

Body = Callable[..., dict[str, Any]]


def tabular(client: httpx.Client, video_body: Body, table: str, kind: str = "csv") -> Any:  # noqa: ANN401
    template = {
        **video_body(client),
        "speech": {"type": "script", "script": "Hello {{ name }}.", "rate": "{{rate}}"},
        "look": {"resolution": "{{size}}", "seed": 7},
        "metadata": {"name": "{{name}}"},
    }
    return {"name": "greetings", "table": {"format": kind, "content": table}, "template": template}


def videos_of(client: httpx.Client, batch: str) -> list[dict[str, Any]]:
    """In the order of the rows."""
    found = client.get("/v1/videos", params={"batch": batch, "limit": 100}).json()["data"]
    return list(reversed(found))


def test_each_row_becomes_a_video(api: Api, video_body: Body) -> None:
    client = api.client("tables")
    table = "name,rate,size\nAnna,1.5,256\nBob,,\n\n=Eve,1,720\n"
    answer = client.post("/v1/batches", json=tabular(client, video_body, table))
    assert answer.status_code == 202, answer.text
    assert answer.json()["counts"] == {"queued": 3}
    asked = [video["request"] for video in videos_of(client, answer.json()["id"])]
    assert [one["speech"]["script"] for one in asked] == [
        "Hello Anna.",
        "Hello Bob.",
        "Hello =Eve.",
    ]
    assert [one["speech"]["rate"] for one in asked] == [1.5, 1.0, 1.0]
    assert [one["look"]["resolution"] for one in asked] == [256, 512, 720]
    assert {one["priority"] for one in asked} == {"default"}


def test_lines_of_json_say_the_same(api: Api, video_body: Body) -> None:
    client = api.client("lines")
    lines = [{"name": "12", "rate": 1.5, "size": 256}, {"name": "Bob", "rate": None, "size": 512}]
    table = "\n".join(map(json.dumps, lines))
    answer = client.post("/v1/batches", json=tabular(client, video_body, table, "jsonl"))
    assert answer.status_code == 202, answer.text
    asked = [video["request"] for video in videos_of(client, answer.json()["id"])]
    assert [one["speech"]["script"] for one in asked] == ["Hello 12.", "Hello Bob."]


@pytest.mark.parametrize(
    ("table", "problems"),
    [
        ("name,rate\nAnna,1\n", [(2, "size")]),
        ("name,rate,size\nAnna,9,256\nBob,fast,300\n", [(2, "rate"), (3, "rate"), (3, "size")]),
        ("name,rate,size\n,1,256\nAnna,1\n", [(2, "name"), (3, "")]),
        ('name,rate,size\n"Anna,1,256\n', [(2, "")]),
        ("name,name,size\nA,B,256\n", [(1, "name"), (2, "rate")]),
    ],
)
def test_every_wrong_cell_is_named_and_nothing_is_accepted(
    api: Api, video_body: Body, table: str, problems: list[tuple[int, str]]
) -> None:
    client = api.client("wrong")
    answer = client.post("/v1/batches", json=tabular(client, video_body, table))
    found = answer.json()
    assert (answer.status_code, found["code"]) == (422, "rows_invalid"), answer.text
    assert [(one["line"], one["column"]) for one in found["rows"]] == problems
    assert client.get("/v1/videos").json()["data"] == []
    assert client.get("/v1/batches").json()["data"] == []


def test_an_upload_that_a_row_names_must_be_the_caller_s(api: Api, video_body: Body) -> None:
    client, other = api.client("ours"), api.client("theirs")
    theirs = video_body(other)["portrait"]["upload"]
    ours = video_body(client)["portrait"]["upload"]
    template = {
        "portrait": {"upload": "{{face}}"},
        "speech": {"type": "script", "script": "Papa."},
    }
    content = f"face\n{ours}\n{theirs}\n"
    body = {"table": {"format": "csv", "content": content}, "template": template}
    answer = client.post("/v1/batches", json=body)
    assert answer.status_code == 422
    assert [(one["line"], one["column"]) for one in answer.json()["rows"]] == [(3, "face")]


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"table": {"format": "csv", "content": "a\n1\n"}},
        {"template": {}},
        {"table": {"format": "csv", "content": ""}, "template": {}},
        {"table": {"format": "xlsx", "content": "a\n1\n"}, "template": {}},
        {"table": {"format": "csv", "content": "a\n" + "1\n" * 501}, "template": {}},
    ],
)
def test_half_a_table_is_refused(api: Api, change: dict[str, Any]) -> None:
    answer = api.client("half").post("/v1/batches", json=change)
    assert answer.status_code == 422, answer.text


def test_a_batch_beyond_the_budget_leaves_nothing(api: Api, video_body: Body) -> None:
    client = api.client("poor", monthly_budget=2_500_000)
    table = "name,rate,size\n" + "Anna,1,256\n" * 3
    answer = client.post("/v1/batches", json=tabular(client, video_body, table))
    assert (answer.status_code, answer.json()["code"]) == (402, "budget_exceeded")
    assert client.get("/v1/videos").json()["data"] == []


async def never_claimed(database: Database) -> None:
    async with database.writing() as session:
        await session.execute(
            update(Video).where(Video.open.is_(True)).values(claimed=False, cancel_asked=False)
        )


def test_the_report_tells_what_became_of_each(api: Api, video_body: Body) -> None:
    client = api.client("reporter")
    table = "name,rate,size\nAnna,1,256\n=Bob(),1,256\nEve,1,256\n"
    batch = client.post("/v1/batches", json=tabular(client, video_body, table)).json()["id"]
    first, second, _ = (video["id"] for video in videos_of(client, batch))
    finish(api, first)
    finish(api, second, Failure(code="face_not_found", message="no face: use another"))

    def cancelled() -> bool:
        """Where nobody has begun to order a run, as a dispatcher may have just now."""
        api.in_database(never_claimed)
        counts = client.post(f"/v1/batches/{batch}/cancel").json()["counts"]
        return bool(counts == {"done": 1, "failed": 1, "cancelled": 1})

    eventually(cancelled)
    answer = client.get(f"/v1/batches/{batch}/report")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    told = [(row["status"], row["code"], row["metadata.name"]) for row in rows]
    assert told == [
        ("done", "", "Anna"),
        ("failed", "face_not_found", "'=Bob()"),  # no spreadsheet takes it for a formula
        ("cancelled", "", "Eve"),
    ]
    assert api.client("stranger").get(f"/v1/batches/{batch}/report").status_code == 404
