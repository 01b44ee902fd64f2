"""Delete means delete: a real Prefect, a store and a Langfuse are looked through afterwards."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from api.clock import now
from api.database import Database
from api.retention import Retention
from api.tables import Video
from models.contracts import PortraitReport, PreflightReport
from models.journal import JOURNAL, trace_id
from tests.api.conftest import settings_for
from tests.api.finishing import finish
from tests.api.hostile.files import jpeg
from tests.api.prefect_by_hand import PrefectByHand
from tests.api.running import Api, eventually, gateway
from tests.faces import face
from tests.langfuse_here import Captured, langfuse

SECRET = "Quokkas adore marmalade"
WORK = ("clips/c1.mp4", "speech/s1.wav", "scripts/t1.json", "segments/g1.mp4")
SHARED = "portraits/p1.image"


@dataclass
class Here:
    api: Api
    prefect: PrefectByHand
    traced: Captured
    folder: Path

    @property
    def store(self) -> Path:
        return self.folder / "store"

    def client(self, owner: str) -> httpx.Client:
        return self.api.client(owner)


@pytest.fixture
def here(prefect_server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Here]:
    monkeypatch.setattr("api.forgotten.SETTLED", timedelta(0))
    monkeypatch.setattr("api.forgetting.LATER", timedelta(0))
    monkeypatch.setattr("api.routes.preflight.WAIT_S", 0.0)
    prefect = PrefectByHand.here(tmp_path / "store")
    with ExitStack() as ends:
        ends.callback(prefect.http.close)
        traced = ends.enter_context(langfuse())
        more = {
            "prefect_url": prefect.url,
            "prefect_auth": prefect.auth,
            "langfuse_public_key": "pk",
            "langfuse_secret_key": "sk",
            "langfuse_url": traced.url,
        }
        settings = settings_for(f"sqlite:///{tmp_path}/g.db", tmp_path / "store", **more)
        api = ends.enter_context(gateway(settings))
        yield Here(api, prefect, traced, tmp_path)


def uploaded(client: httpx.Client) -> str:
    return str(client.post("/v1/uploads", content=jpeg()).json()["id"])


def asked(here: Here, client: httpx.Client, upload: str, script: str = SECRET) -> tuple[str, str]:
    """A video, and the run that it was given."""
    body = {"portrait": {"upload": upload}, "speech": {"type": "script", "script": script}}
    headers = {"Idempotency-Key": f"key-{len(script)}"}
    name = client.post("/v1/videos", json=body, headers=headers).json()["id"]
    (run,) = eventually(lambda: here.prefect.runs_of(name))
    return name, run["id"]


def done(here: Here, video: str, run: str, *files: str) -> None:
    """As its flow leaves it: files, a journal of what it counted on, Prefect's records."""
    here.prefect.move(run, "RUNNING")
    here.prefect.tell_progress(run, "Rendering", 100)
    here.prefect.move(run, "COMPLETED")
    for key in files:
        here.prefect.put(key, SECRET.encode())
        here.prefect.put(f"results/{key.replace('/', '-')}", SECRET.encode())
    here.prefect.put(f"results/accepted-{run}", SECRET.encode())
    journal = {
        "started_at": now().isoformat(),
        "seconds": 1.0,
        "outcome": "done",
        "files": list(files),
    }
    here.prefect.put(f"videos/{video}/{JOURNAL}", json.dumps(journal).encode())
    finish(here.api, video)


def ordered(here: Here, preflight: str) -> dict[str, Any]:
    """What its flow was asked."""
    with sqlite3.connect(here.folder / "g.db") as connection:
        query = 'SELECT "order" FROM preflights WHERE id = ?'
        (order,) = connection.execute(query, (preflight,)).fetchone()
    return dict(json.loads(order))


def forgotten(here: Here) -> None:
    def none_left() -> bool:
        with sqlite3.connect(here.folder / "g.db") as connection:
            (count,) = connection.execute("SELECT count(*) FROM forgotten").fetchone()
        return bool(count == 0)

    eventually(none_left)


def holding(folder: Path, text: str) -> list[str]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(str(path) for path in found if text.encode() in path.read_bytes())


def artifacts(here: Here, run: str) -> list[Any]:
    body = {"artifacts": {"flow_run_id": {"any_": [run]}}}
    return list(here.prefect.http.post("/artifacts/filter", json=body).json())


def test_nothing_of_a_deleted_video_is_left_anywhere(here: Here) -> None:
    client = here.client("anna")
    video, run = asked(here, client, uploaded(client))
    done(here, video, run, *WORK)
    assert artifacts(here, run)
    assert client.delete(f"/v1/videos/{video}").status_code == 204
    forgotten(here)
    assert holding(here.store, SECRET) == []
    assert [path for path in here.store.rglob("*") if video in str(path) and path.is_file()] == []
    assert here.prefect.runs_of(video) == []
    assert artifacts(here, run) == []
    assert here.traced.deleted == [trace_id(video)]
    with sqlite3.connect(here.folder / "g.db") as connection:
        dump = "\n".join(connection.iterdump())
    assert SECRET not in dump
    assert client.get("/v1/usage").json()["data"][0]["videos"] == 1


def test_what_another_video_is_being_made_of_stays_until_it_is_made(here: Here) -> None:
    client = here.client("ben")
    upload = uploaded(client)
    first, run = asked(here, client, upload)
    done(here, first, run, *WORK, SHARED)
    second, other = asked(here, client, upload, "Something else.")
    client.delete(f"/v1/videos/{first}")
    eventually(lambda: not (here.store / "videos" / first / "video.mp4").exists())
    assert (here.store / SHARED).exists()
    done(here, second, other)
    forgotten(here)
    assert not (here.store / SHARED).exists()


def test_a_deleted_upload_takes_its_copies_and_what_was_seen_in_it(here: Here) -> None:
    client = here.client("cora")
    upload = uploaded(client)
    video, run = asked(here, client, upload)
    done(here, video, run, SHARED)
    answer = client.post("/v1/preflight", json={"portrait": {"upload": upload}})
    order = ordered(here, answer.json()["id"])
    report = PreflightReport(portrait=PortraitReport(width=9, height=9, faces=(face(),), chosen=0))
    here.prefect.report(order["key_prefix"], report)
    assert list(here.store.glob("uploads/*"))
    assert list(here.store.glob("preflights/*/*"))

    assert client.delete(f"/v1/uploads/{upload}").status_code == 204
    forgotten(here)
    assert list(here.store.glob("uploads/*")) == []
    assert list(here.store.glob("preflights/*/*")) == []
    assert not (here.store / SHARED).exists()
    assert client.get(f"/v1/preflight/{answer.json()['id']}").status_code == 404
    assert client.get(f"/v1/videos/{video}").json()["status"] == "done"


def test_while_langfuse_is_away_the_rest_is_forgotten_and_it_is_asked_again(here: Here) -> None:
    client = here.client("dora")
    video, run = asked(here, client, uploaded(client))
    done(here, video, run, *WORK)
    here.traced.refusing_deletes = 2
    client.delete(f"/v1/videos/{video}")
    forgotten(here)
    assert here.traced.deleted == [trace_id(video)]
    assert holding(here.store, SECRET) == []


def test_videos_older_than_the_operator_keeps_them_are_deleted(here: Here) -> None:
    client = here.client("edda")
    upload = uploaded(client)
    old, run = asked(here, client, upload)
    done(here, old, run, *WORK)
    new, other = asked(here, client, upload, "Something else.")
    done(here, new, other)

    async def pass_time(database: Database) -> tuple[int, int]:
        async with database.writing() as session:
            change = update(Video).where(Video.id == old)
            await session.execute(change.values(finished_at=now() - timedelta(days=8)))
        return await Retention(database, 0).keep(), await Retention(database, 7).keep()

    assert here.api.in_database(pass_time) == (0, 1)
    forgotten(here)
    assert client.get(f"/v1/videos/{old}").status_code == 404
    assert client.get(f"/v1/videos/{new}").status_code == 200
    assert not (here.store / "videos" / old).is_dir() or not any(
        (here.store / "videos" / old).iterdir()
    )
