"""Videos from asking to deleting, without Prefect: on SQLite and on PostgreSQL."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.api.running import Api

Body = Callable[..., dict[str, Any]]
RACE = 50


def test_a_video_is_accepted_with_its_address_and_its_quote(api: Api, video_body: Body) -> None:
    client = api.client("anna")
    answer = client.post("/v1/videos", json=video_body(client, metadata={"order": "7"}))
    assert answer.status_code == 202
    video = client.get(answer.headers["location"]).json()
    assert video["status"] == "queued"
    assert video["metadata"] == {"order": "7"}
    assert float(video["quoted"]["amount"]) > 1


def test_parallel_equal_requests_make_one_video(api: Api, video_body: Body) -> None:
    client = api.client("racer")
    body = video_body(client)

    def ask(_: int) -> httpx.Response:
        return client.post("/v1/videos", json=body, headers={"Idempotency-Key": "race"})

    with ThreadPoolExecutor(RACE) as pool:
        answers = list(pool.map(ask, range(RACE)))
    assert {answer.status_code for answer in answers} <= {202, 409}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 202}) == 1
    assert len(client.get("/v1/videos").json()["data"]) == 1
    again = ask(0)
    assert again.status_code == 202
    assert again.headers["idempotency-replayed"] == "true"


def test_a_key_with_another_body_is_refused(api: Api, video_body: Body) -> None:
    client = api.client("careless")
    body, headers = video_body(client), {"Idempotency-Key": "k"}
    client.post("/v1/videos", json=body, headers=headers)
    answer = client.post("/v1/videos", json={**body, "priority": "high"}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_mismatch")


def test_a_request_that_failed_may_use_its_key_again(api: Api, video_body: Body) -> None:
    client = api.client("mender")
    body, headers = video_body(client), {"Idempotency-Key": "k"}
    wrong = {**body, "portrait": {"upload": "upl_" + "f" * 32}}
    assert client.post("/v1/videos", json=wrong, headers=headers).status_code == 422
    assert client.post("/v1/videos", json=body, headers=headers).status_code == 202


def test_the_same_key_of_two_owners_are_two_keys(api: Api, video_body: Body) -> None:
    one, other = api.client("k-one"), api.client("k-other")
    headers = {"Idempotency-Key": "same"}
    first = one.post("/v1/videos", json=video_body(one), headers=headers)
    second = other.post("/v1/videos", json=video_body(other), headers=headers)
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["id"] != second.json()["id"]


def test_the_budget_holds_when_spent_side_by_side(api: Api, video_body: Body) -> None:
    client = api.client("saver")
    body = video_body(client)
    quote = client.post("/v1/quotes", json=body).json()["price"]["amount"]
    poor = api.client("saver", monthly_budget=int(3.5 * 1_000_000 * float(quote)))
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: poor.post("/v1/videos", json=body), range(10)))
    assert Counter(answer.status_code for answer in answers) == {202: 3, 402: 7}
    refused = next(answer for answer in answers if answer.status_code == 402)
    assert refused.json()["code"] == "budget_exceeded"
    assert refused.json()["remedy"]


def test_a_price_above_the_caller_s_limit_is_refused(api: Api, video_body: Body) -> None:
    client = api.client("limited")
    answer = client.post("/v1/videos", json=video_body(client, max_price="0.5"))
    assert (answer.status_code, answer.json()["code"]) == (402, "price_exceeded")


def test_lists_go_by_cursor_and_filter(api: Api, video_body: Body) -> None:
    client = api.client("lister")
    body = video_body(client)
    made = [client.post("/v1/videos", json=body).json()["id"] for _ in range(5)]
    client.post(f"/v1/videos/{made[0]}/cancel")
    first = client.get("/v1/videos", params={"limit": 3}).json()
    rest = client.get("/v1/videos", params={"limit": 3, "cursor": first["next_cursor"]}).json()
    listed = [video["id"] for video in first["data"] + rest["data"]]
    assert listed == sorted(made, reverse=True)
    assert rest["next_cursor"] is None
    cancelled = client.get("/v1/videos", params={"status": "cancelled"}).json()["data"]
    assert [video["id"] for video in cancelled] == [made[0]]


def test_what_is_being_made_is_cancelled_before_it_is_deleted(api: Api, video_body: Body) -> None:
    client = api.client("deleter")
    place = client.post("/v1/videos", json=video_body(client)).headers["location"]
    assert client.delete(place).json()["code"] == "video_not_finished"
    client.post(f"{place}/cancel")


def test_a_cancelled_video_costs_nothing_and_usage_outlives_it(api: Api, video_body: Body) -> None:
    client = api.client("counted", monthly_budget=10_000_000)
    place = client.post("/v1/videos", json=video_body(client)).headers["location"]
    assert float(client.get("/v1/usage").json()["month_total"]["amount"]) > 0
    _cancel_unclaimed(api, client, place)
    usage = client.get("/v1/usage").json()
    assert float(usage["month_total"]["amount"]) == 0
    assert client.delete(place).status_code == 204
    assert client.get(place).status_code == 404
    assert client.get("/v1/usage").json()["data"][0]["videos"] == 1


def _cancel_unclaimed(api: Api, client: httpx.Client, place: str) -> None:
    """The dispatcher may have begun with it, and Prefect is away: then its row is let go first."""
    from sqlalchemy import update

    from api.database import Database
    from api.tables import Video

    async def release(database: Database) -> None:
        async with database.writing() as session:
            name = place.rpartition("/")[2]
            await session.execute(update(Video).where(Video.id == name).values(claimed=False))

    api.in_database(release)
    assert client.post(f"{place}/cancel").status_code == 202


def test_a_batch_is_accepted_whole_or_not_at_all(api: Api, video_body: Body) -> None:
    client = api.client("batcher")
    body = video_body(client)
    wrong = {**body, "portrait": {"upload": "upl_" + "f" * 32}}
    refused = client.post("/v1/batches", json={"videos": [body, wrong]})
    assert refused.status_code == 422
    assert client.get("/v1/videos").json()["data"] == []
    made = client.post("/v1/batches", json={"name": "n", "videos": [body] * 3})
    assert made.status_code == 202
    batch = client.get(made.headers["location"]).json()
    assert batch["counts"] == {"queued": 3}
    listed = client.get("/v1/videos", params={"batch": batch["id"]}).json()["data"]
    assert {video["request"]["priority"] for video in listed} == {"default"}
    assert len(listed) == 3


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"portrait": {"upload": "../../etc/passwd"}}, "portrait.upload"),
        ({"speech": {"type": "script", "script": ""}}, "speech.script.script"),
        ({"speech": {"type": "script", "script": "a\0b"}}, "speech.script.script"),
        ({"speech": {"type": "song", "script": "la"}}, "speech"),
        ({"look": {"resolution": 513}}, "look.resolution"),
        ({"look": {"head_motion": "nan"}}, "look.head_motion"),
        ({"look": {"background": {"kind": "colour"}}}, "look.background.colour"),
        (
            {"look": {"captions": "burned", "label": {"text": "A", "position": "bottom-left"}}},
            "look.label.position",
        ),
        ({"renderer": "nothing"}, "renderer"),
        ({"priority": "now"}, "priority"),
        ({"metadata": {"a b": "c"}}, "metadata.a b.[key]"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_what_is_wrong_is_named(
    api: Api, video_body: Body, change: dict[str, Any], field: str
) -> None:
    import json

    client = api.client("sloppy")
    body = json.dumps({**video_body(client), **change})
    answer = client.post("/v1/videos", content=body, headers={"Content-Type": "application/json"})
    problem = answer.json()
    assert (answer.status_code, problem["field"]) == (422, field)
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["request_id"] == answer.headers["x-request-id"]


def test_another_owner_s_things_are_not_there(api: Api, video_body: Body) -> None:
    owner, other = api.client("mine"), api.client("theirs")
    body = video_body(owner)
    video = owner.post("/v1/videos", json=body).json()["id"]
    batch = owner.post("/v1/batches", json={"videos": [body]}).json()["id"]
    upload = body["portrait"]["upload"]
    for method, path in (
        ("GET", f"/v1/videos/{video}"),
        ("POST", f"/v1/videos/{video}/cancel"),
        ("DELETE", f"/v1/videos/{video}"),
        ("GET", f"/v1/videos/{video}/events"),
        ("GET", f"/v1/batches/{batch}"),
        ("POST", f"/v1/batches/{batch}/cancel"),
        ("GET", f"/v1/uploads/{upload}"),
        ("DELETE", f"/v1/uploads/{upload}"),
    ):
        assert other.request(method, path).status_code == 404, path
    assert other.post("/v1/videos", json=body).status_code == 422
    for path in ("/v1/videos", "/v1/batches", "/v1/uploads", "/v1/usage"):
        assert other.get(path).json()["data"] == [], path
    assert owner.get(f"/v1/videos/{video}").json()["status"] == "queued"
