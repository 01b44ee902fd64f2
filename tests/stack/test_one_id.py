"""One id leads from a request over HTTP to everything that is known of its video.

All of it is real, and on sockets: `avatar up` with gateway, Prefect and both workers; a webhook's
receiver, a Langfuse and a Mistral stand at the other ends and speak their protocols.
"""

import json
import os
import re
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from models.journal import Journal, trace_id
from models.manifest import Manifest
from models.provenance.credentials import read_statement
from tests.api.conftest import settings_for
from tests.api.receiving import Receiver, receiver
from tests.api.running import Api
from tests.langfuse_here import Captured, langfuse
from tests.models.script.conftest import ChatServer, completion
from tests.orchestra import ROOT
from tests.stack.processes import VIDEO_S, Stack, eventually, running

ASKED = "req_follow-me"
TOPIC = "Why quokkas adore marmalade"
SAID = "Quokkas adore marmalade, and all marmalade adores them in return."
WORDS = re.compile("quokka|marmalade", re.IGNORECASE)
CONSENT = {
    "subject": "Eileen",
    "method": "signed form",
    "purpose": "tests",
    "given_at": "2026-01-01T00:00:00Z",
}


@dataclass(frozen=True)
class Followed:
    """A video, and whoever was told of it."""

    stack: Stack
    client: httpx.Client
    hook: Receiver
    traced: Captured
    asked: ChatServer
    database: Path
    video: dict[str, Any]
    consent: dict[str, Any]
    upload: str

    @property
    def id(self) -> str:
        return str(self.video["id"])

    @property
    def place(self) -> Path:
        return self.stack.store / "videos" / self.id

    @property
    def manifest(self) -> Manifest:
        return Manifest.model_validate_json((self.place / "manifest.json").read_text())

    @property
    def journal(self) -> Journal:
        return Journal.model_validate_json((self.place / "journal.json").read_text())


@contextmanager
def writing() -> Iterator[ChatServer]:
    """A model that has one idea."""
    with ChatServer() as server:
        server.replies = [completion(json.dumps({"title": "Quokkas", "script": SAID}), 120, 40)]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server
        server.ended.set()
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def followed(
    face_models: Path, portrait_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Followed]:
    folder = tmp_path_factory.mktemp("one-id")
    database = folder / "gateway.db"
    with ExitStack() as ends:
        hook, traced = ends.enter_context(receiver()), ends.enter_context(langfuse())
        model = ends.enter_context(writing())
        stack = ends.enter_context(running(folder, more=environment(database, hook, traced, model)))
        api = Api(stack.gateway, settings_for(f"sqlite:///{database}", stack.store))
        ends.callback(api.close)
        client = api.client("anna")
        client.post("/v1/webhooks", json={"url": hook.url}).raise_for_status()
        upload = client.post("/v1/uploads", content=portrait_file.read_bytes()).json()["id"]
        consent = client.post("/v1/consents", json={"portrait": upload, **CONSENT}).json()
        name = ask(client, upload)
        video = eventually(lambda: finished(client, name), VIDEO_S, stack.said)
        assert video["status"] == "done", video["error"]
        yield Followed(stack, client, hook, traced, model, database, video, consent, upload)


def environment(
    database: Path, hook: Receiver, traced: Captured, model: ChatServer
) -> dict[str, str]:
    return {
        "DATABASE_URL": f"sqlite+aiosqlite:///{database}",
        "AVATAR_CONSENT": "require",
        "AVATAR_PRICE_PER_VIDEO": "1",
        "AVATAR_CALL_NETWORKS": '["127.0.0.0/8"]',
        "AVATAR_CALL_PORTS": f"[{hook.port}]",
        "AVATAR_CALL_PLAIN_HTTP": "true",
        "LANGFUSE_PUBLIC_KEY": "pk",
        "LANGFUSE_SECRET_KEY": "sk",
        "LANGFUSE_BASE_URL": traced.url,
        "MISTRAL_API_KEY": "mistral's",
        "AVATAR_MISTRAL_URL": model.url,
        "PREFECT_LOGGING_SETTINGS_PATH": str(ROOT / "infra" / "worker" / "logging.yaml"),
    }


def ask(client: httpx.Client, upload: str) -> str:
    body = {
        "portrait": {"upload": upload},
        "speech": {"type": "topic", "topic": TOPIC, "duration_s": 5},
        "look": {"resolution": 256, "fps": "24"},
    }
    answer = client.post("/v1/videos", json=body, headers={"X-Request-ID": ASKED})
    assert answer.status_code == 202, answer.text
    assert answer.headers["x-request-id"] == ASKED
    return str(answer.json()["id"])


def finished(client: httpx.Client, video: str) -> dict[str, Any] | None:
    shown = dict(client.get(f"/v1/videos/{video}").json())
    return shown if shown["status"] in ("done", "failed", "cancelled") else None


def test_the_resource_and_its_row_name_request_and_trace(followed: Followed) -> None:
    assert followed.video["request_id"] == ASKED
    assert followed.video["trace_id"] == trace_id(followed.id)
    with sqlite3.connect(followed.database) as connection:
        query = "SELECT request_id, run_id FROM videos WHERE id = ?"
        (row,) = connection.execute(query, (followed.id,)).fetchall()
    assert row == (ASKED, followed.journal.run)


def test_the_flow_runs_of_both_pools_carry_it(followed: Followed) -> None:
    run = followed.stack.run(UUID(followed.journal.run))
    parts = followed.stack.runs(parent_of=followed.journal.run)
    assert parts
    for one in (run, *parts):
        assert {f"video:{followed.id}", f"request:{ASKED}", "caller:anna"} <= set(one["tags"])


def test_the_trace_has_its_stages_its_model_and_its_scores(followed: Followed) -> None:
    trace = trace_id(followed.id)
    eventually(lambda: followed.traced.scores or None, 30, followed.stack.said)
    spans = {span.name: span for span in followed.traced.of(trace)}
    assert {"avatar-video", "write-script", "render-clip", "publish"} <= set(spans)
    told = spans["mistral-small-2603"].attributes
    tokens = json.loads(told["langfuse.observation.usage_details"])
    assert tokens["input"] == 120 * len(followed.asked.requests)
    assert spans["avatar-video"].attributes["user.id"] == "anna"
    assert spans["avatar-video"].attributes["langfuse.trace.metadata.request"] == ASKED
    assert {score["traceId"] for score in followed.traced.scores} == {trace}


def test_the_log_s_lines_carry_it(followed: Followed) -> None:
    gateway = followed.stack.folder / "prefect" / "logs" / "gateway.log"
    found = [json.loads(text) for text in re.findall(r"{\"at\".*}", gateway.read_text())]
    about = [line for line in found if line.get("video") == followed.id]
    assert [line["message"].split()[0] for line in about] == ["ordered", "done"]
    assert {line["request_id"] for line in about} == {ASKED}
    assert about[0]["run"] == followed.journal.run
    asked = [line for line in found if line.get("request_id") == ASKED and "path" in line]
    assert [(line["path"], line["owner"]) for line in asked] == [("/v1/videos", "anna")]
    told = f"video={followed.id} request={ASKED} owner=anna"
    eventually(lambda: logged(followed, told) or None, 30, followed.stack.said)


def test_the_workers_lines_carry_it(followed: Followed) -> None:
    for pool in ("cpu", "gpu"):
        log = (followed.stack.folder / "prefect" / "logs" / f"{pool}.log").read_text()
        found = [json.loads(text) for text in re.findall(r"{\"at\".*}", log)]
        about = [line for line in found if line.get("video") == followed.id]
        assert about, log
        assert {(line["request_id"], line["owner"]) for line in about} == {(ASKED, "anna")}
        runs = followed.stack.runs(parent_of=followed.journal.run)
        known = {followed.journal.run, *(run["id"] for run in runs)}
        assert {line["run"] for line in about} <= known


def logged(followed: Followed, text: str) -> bool:
    """On Prefect's page of the run; workers send their lines in bundles."""
    body = {"logs": {"flow_run_id": {"any_": [followed.journal.run]}}}
    lines = followed.stack.client.post("/logs/filter", json=body).json()
    return any(text in line["message"] for line in lines)


def test_a_metric_s_exemplar_is_it(followed: Followed) -> None:
    accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
    text = httpx.get(f"{followed.stack.gateway}/metrics", headers=accept).text
    exemplars = {
        sample.exemplar.labels.get("video")
        for family in text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
        if family.name == "avatar_gateway_video_seconds"
        for sample in family.samples
        if sample.exemplar
    }
    assert exemplars == {followed.id}


def test_the_file_s_credentials_name_it_and_the_consent(followed: Followed) -> None:
    statement = read_statement(followed.place / "video.mp4")
    assert statement is not None
    assert statement.intact
    assert statement.video["id"] == followed.id
    assert statement.consent == followed.manifest.consent == followed.consent["sha256"]


def test_the_webhook_tells_it(followed: Followed) -> None:
    def told() -> dict[str, Any] | None:
        bodies = [json.loads(message.body) for message in followed.hook.messages]
        return next((one["data"] for one in bodies if one["type"] == "video.done"), None)

    data = eventually(told, 30, followed.stack.said)
    assert (data["id"], data["request_id"]) == (followed.id, ASKED)
    assert data["trace_id"] == trace_id(followed.id)
    assert data["receipt"]["items"] == followed.video["receipt"]["items"]


def test_the_receipt_adds_up_and_is_kept_three_times_alike(followed: Followed) -> None:
    receipt = followed.manifest.receipt
    assert receipt is not None
    tokens = 120 * len(followed.asked.requests), 40 * len(followed.asked.requests)
    assert (receipt.usage.prompt_tokens, receipt.usage.completion_tokens) == tokens
    shown = followed.video["receipt"]
    assert float(shown["cost"]["amount"]) == pytest.approx(receipt.total, abs=1e-6)
    (month,) = followed.client.get("/v1/usage/months").json()["data"]
    assert month["tokens"] == sum(tokens)
    assert month["cpu_s"] == pytest.approx(receipt.usage.cpu_s, abs=1e-3)


def test_explain_tells_the_whole_story(followed: Followed) -> None:
    story = command(followed, "explain", followed.id).stdout
    for told in (
        f"id: {followed.id}",
        "asked for by: anna",
        f"in request: {ASKED}",
        f"flow run: {followed.journal.run}",
        f"trace: {trace_id(followed.id)}",
        "stage: render-clip done in ",
        "mesh, eager on cpu, ",
        "within render-clip",
        f"consent: {followed.consent['sha256']}",
        "file: as it was delivered",
        "LLM input: ",
        "cost us: ",
        f"make it again: avatar reproduce {followed.id}",
    ):
        assert told in story, story
    assert not WORDS.search(story)


def test_no_log_holds_a_word_of_it(followed: Followed) -> None:
    logs = [*followed.stack.folder.rglob("*.log")]
    assert {"up.log", "gateway.log", "cpu.log", "gpu.log"} <= {log.name for log in logs}
    for log in logs:
        assert not WORDS.search(log.read_text(encoding="utf-8", errors="replace")), log
    lines = followed.stack.client.post("/logs/filter", json={}).json()
    assert lines
    assert not any(WORDS.search(line["message"]) for line in lines)
    sent = [body.decode(errors="replace") for body in followed.traced.bodies]  # protobuf
    assert not any(map(WORDS.search, sent))


def test_deleted_it_is_nowhere_any_more(followed: Followed) -> None:
    """The last of these tests: the words are in no file, no table and at none of the servers."""
    eventually(lambda: followed.traced.scores or None, 30, followed.stack.said)
    assert holding(followed.stack.folder)
    run = followed.journal.run
    followed.client.delete(f"/v1/videos/{followed.id}").raise_for_status()
    followed.client.delete(f"/v1/uploads/{followed.upload}").raise_for_status()
    eventually(lambda: not _waiting(followed.database) or None, 90, followed.stack.said)
    assert holding(followed.stack.folder) == []
    faces = ("portraits", "pictures", "clips", "segments", "signed", "uploads", "videos")
    kept = (path for name in faces for path in (followed.stack.store / name).rglob("*"))
    assert [path for path in kept if path.is_file()] == []
    body = {"artifacts": {"flow_run_id": {"any_": [run]}}}
    assert followed.stack.client.post("/artifacts/filter", json=body).json() == []
    assert followed.traced.deleted == [trace_id(followed.id)]


def holding(folder: Path) -> list[Path]:
    """Files that hold the words; databases are asked, because they keep what they deleted."""
    found = []
    for path in (one for one in folder.rglob("*") if one.is_file()):
        content = dumped(path) if path.suffix == ".db" else path.read_bytes().decode("latin-1")
        if path.suffix not in (".db-wal", ".db-shm") and WORDS.search(content):
            found.append(path)
    return found


def dumped(database: Path) -> str:
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        return "\n".join(connection.iterdump())


def _waiting(database: Path) -> bool:
    with sqlite3.connect(database) as connection:
        (count,) = connection.execute("SELECT count(*) FROM forgotten").fetchone()
    return bool(count)


def command(followed: Followed, *arguments: str) -> "subprocess.CompletedProcess[str]":
    env = os.environ | {"AVATAR_STORE": str(followed.stack.store)}
    program = str(Path(sys.executable).with_name("avatar"))
    return subprocess.run(
        [program, *arguments], env=env, capture_output=True, text=True, check=True
    )
