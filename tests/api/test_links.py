"""Signed links: what they open, for how long, and what changing them does."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import update

from api.database import Database
from api.links import Links, Target
from api.tables import Video
from models.storage import LocalStore
from tests.api.conftest import settings_for
from tests.api.prefect_by_hand import result
from tests.api.running import Api, gateway

CONTENT = bytes(range(256)) * 40


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("links")
    with gateway(settings_for(f"sqlite:///{folder}/g.db", folder / "store")) as running:
        yield running


def finished(api: Api, owner: str, portrait_png: bytes) -> dict[str, str]:
    """The links of a video that is done."""
    client = api.client(owner)
    upload = client.post("/v1/uploads", content=portrait_png).json()["id"]
    speech = {"type": "script", "script": "Papa."}
    asked = {"portrait": {"upload": upload}, "speech": speech}
    video = client.post("/v1/videos", json=asked).json()["id"]

    async def finish(database: Database) -> None:
        made = result(f"videos/{video}").model_dump(mode="json")
        async with database.writing() as session:
            await session.execute(
                update(Video)
                .where(Video.id == video)
                .values(status="done", open=False, result=made)
            )

    api.in_database(finish)
    place = Path(api.settings.store) / "videos" / video
    place.mkdir(parents=True)
    (place / "video.mp4").write_bytes(CONTENT)
    (place / "captions.vtt").write_bytes(b"WEBVTT\n")
    links: dict[str, str] = client.get(f"/v1/videos/{video}").json()["files"]
    return links


def test_a_link_needs_no_key_and_says_what_it_is(api: Api, portrait_png: bytes) -> None:
    link = finished(api, "a", portrait_png)["video"]
    answer = httpx.get(link)
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["content-disposition"].startswith("inline")
    saved = httpx.get(f"{link}&download=true")
    assert saved.headers["content-disposition"].startswith("attachment")


def test_ranges_heads_and_etags_work_as_players_ask(api: Api, portrait_png: bytes) -> None:
    link = finished(api, "b", portrait_png)["video"]
    part = httpx.get(link, headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, CONTENT[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(CONTENT)}"
    tail = httpx.get(link, headers={"Range": "bytes=-10"})
    assert (tail.status_code, tail.content) == (206, CONTENT[-10:])
    assert httpx.get(link, headers={"Range": "bytes=999999-"}).status_code == 416
    head = httpx.head(link)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(CONTENT))
    known = {"If-None-Match": head.headers["etag"]}
    assert httpx.get(link, headers=known).status_code == 304
    stale = {"Range": "bytes=0-9", "If-Range": '"another"'}
    assert httpx.get(link, headers=stale).status_code == 200


def test_a_changed_link_is_refused(api: Api, portrait_png: bytes) -> None:
    links = finished(api, "c", portrait_png)
    link = links["video"]
    signature = link.rpartition("=")[2]
    expires = link.partition("expires=")[2].partition("&")[0]
    for changed in (
        link.replace(expires, str(int(expires) + 1)),
        link.replace(signature, signature[::-1]),
        link.replace("video.mp4", "captions.vtt"),
    ):
        answer = httpx.get(changed)
        assert (answer.status_code, answer.json()["code"]) == (403, "link_invalid"), changed
    assert httpx.get(link.partition("?")[0]).status_code == 422


def test_a_link_opens_only_its_own_video(api: Api, portrait_png: bytes) -> None:
    mine, theirs = finished(api, "d", portrait_png), finished(api, "e", portrait_png)
    query = mine["video"].partition("?")[2]
    other = theirs["video"].partition("?")[0]
    assert httpx.get(f"{other}?{query}").status_code == 403


@pytest.mark.parametrize("name", ["result.json", "error.json", "..%2fg.db", "%2e%2e/g.db", "x.mp4"])
def test_only_named_files_are_served(api: Api, portrait_png: bytes, name: str) -> None:
    link = finished(api, "f" + name, portrait_png)["video"]
    assert httpx.get(link.replace("video.mp4", name)).status_code in (404, 422)


def test_every_read_makes_new_links(api: Api, portrait_png: bytes) -> None:
    first = finished(api, "g", portrait_png)["video"]
    time.sleep(1.1)  # links name whole seconds
    listed = api.client("g").get("/v1/videos").json()["data"][0]["files"]["video"]
    assert listed != first
    assert httpx.get(listed).status_code == 200


def test_an_expired_link_is_refused(tmp_path: Path) -> None:
    links = Links("secret", -1, LocalStore(tmp_path))
    target = Target("owner", "vid", "video.mp4")
    query = links.link(target, "http://here").partition("?")[2]
    fields = dict(part.split("=") for part in query.split("&"))
    assert not links.holds(target, int(fields["expires"]), fields["signature"])


def test_parts_cannot_be_shifted_between_names(tmp_path: Path) -> None:
    """`ab` + `c` and `a` + `bc` must not sign the same bytes."""
    links, later = Links("secret", 1, LocalStore(tmp_path)), int(time.time()) + 100
    one, other = Target("ab", "c", "video.mp4"), Target("a", "bc", "video.mp4")
    assert links._signature(one, later) != links._signature(other, later)
