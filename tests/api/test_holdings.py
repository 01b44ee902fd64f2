"""Everything that is held about an owner: handed over whole, without secrets, or deleted."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from api.database import Database
from api.holdings import tables
from api.tables import Table
from cli.main import run
from tests.api.conftest import settings_for
from tests.api.finishing import finish
from tests.api.hostile.files import jpeg
from tests.api.running import Api, gateway

NOT_ABOUT_ANYBODY = {"leases", "secrets"}
SCRIPT = {"type": "script", "script": "Quokkas adore marmalade."}
CONSENT = {
    "subject": "Anna",
    "method": "signed form",
    "purpose": "tests",
    "given_at": "2026-11-01T00:00:00Z",
}


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    monkeypatch.setattr("api.holdings.PAGE", 2)  # so that there are several
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/g.db")
    monkeypatch.setenv("AVATAR_STORE", str(tmp_path / "store"))
    with gateway(settings_for(f"sqlite:///{tmp_path}/g.db", tmp_path / "store")) as running:
        yield running


def filled(api: Api, owner: str) -> httpx.Client:
    """One of everything, and five videos."""
    client = api.client(owner)
    upload = client.post("/v1/uploads", content=jpeg()).json()["id"]
    client.post("/v1/consents", json={"portrait": upload, **CONSENT}).raise_for_status()
    client.post("/v1/webhooks", json={"url": "https://hooks.invalid/x"}).raise_for_status()
    body = {"portrait": {"upload": upload}, "speech": SCRIPT}
    for _ in range(5):
        finish(api, client.post("/v1/videos", json=body).json()["id"])
    return client


def exported(client: httpx.Client) -> list[dict[str, Any]]:
    answer = client.get("/v1/export")
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    return [json.loads(line) for line in answer.text.splitlines()]


def named(client: httpx.Client) -> set[str]:
    """What stays as it is while messages come and go."""
    lasting = {"api_keys", "uploads", "consents", "videos"}
    return {record["id"] for record in exported(client) if record["table"] in lasting}


def test_every_table_is_part_of_it_or_about_nobody() -> None:
    named = {table.name for table in tables()}
    assert named | NOT_ABOUT_ANYBODY == set(Table.metadata.tables)
    assert not named & NOT_ABOUT_ANYBODY


def test_all_of_it_is_handed_over_once_and_nothing_of_another(api: Api) -> None:
    client = filled(api, "anna")
    filled(api, "ben")
    records = exported(client)
    kinds = [record["table"] for record in records]
    for kind in ("api_keys", "uploads", "charges", "consents", "webhook_endpoints", "events"):
        assert kind in kinds
    videos = [record for record in records if record["table"] == "videos"]
    assert len({video["id"] for video in videos}) == len(videos) == 5
    assert {video["request"]["speech"]["script"] for video in videos} == {SCRIPT["script"]}
    assert {record["owner"] for record in records if "owner" in record} == {"anna"}


def test_what_opens_something_is_left_out(api: Api) -> None:
    text = "".join(map(json.dumps, exported(filled(api, "anna"))))
    assert '"hash"' not in text
    assert '"secret"' not in text
    assert "av_live_" in text  # what lists show of a key
    assert "https://hooks.invalid/x" in text


def test_an_operator_s_archive_holds_the_files_too(
    api: Api, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(api, "anna")
    out = tmp_path / "anna.zip"
    assert run(["owner", "export", "anna", "-o", str(out)]) == 0
    with zipfile.ZipFile(out) as archive:
        names = archive.namelist()
        lines = archive.read("records.ndjson").decode().splitlines()
        (picture,) = [name for name in names if name.startswith("uploads/")]
        assert archive.read(picture) == jpeg()
    assert len([name for name in names if name.endswith("/video.mp4")]) == 5
    assert len(lines) > 5
    assert run(["owner", "export", "anna", "-o", str(out)]) == 2
    assert "is there already" in capsys.readouterr().err


def test_a_forgotten_owner_is_in_no_table_and_others_stay(
    api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(api, "anna")
    ben = filled(api, "ben")
    assert run(["owner", "forget", "anna"]) == 2
    assert "say --yes" in capsys.readouterr().err
    before = named(ben)
    assert len(before) == 8  # a key, an upload, a consent and five videos
    assert run(["owner", "forget", "anna", "--yes"]) == 0

    async def left(database: Database) -> set[str]:
        async with database.reading() as session:
            owned = [table for table in tables() if "owner" in table.c]
            return {
                table.name
                for table in owned
                if (await session.execute(select(table).where(table.c.owner == "anna"))).first()
            }

    assert api.in_database(left) <= {"forgotten"}
    assert named(ben) == before


def test_an_owner_whose_video_is_being_made_is_not_forgotten(
    api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    client = api.client("anna")
    upload = client.post("/v1/uploads", content=jpeg()).json()["id"]
    client.post("/v1/videos", json={"portrait": {"upload": upload}, "speech": SCRIPT})
    assert run(["owner", "forget", "anna", "--yes"]) == 2
    assert "cancel them first" in capsys.readouterr().err
    assert len(client.get("/v1/videos").json()["data"]) == 1
