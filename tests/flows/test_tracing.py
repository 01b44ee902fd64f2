"""A real video's journal, and what Langfuse is told of it by the flow itself."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect import tags

from flows.avatar_video import avatar_video
from models.contracts import VideoRequest
from models.errors import UnsupportedImage
from models.journal import Journal, trace_id
from models.manifest import Manifest
from tasks import tracing
from tasks.settings import settings
from tests.langfuse_here import Captured, langfuse
from tests.orchestra import ROOT

SCRIPT = "Papa may buy a blue map."
STAGES = {
    *("check-request", "check-consent", "check-portrait", "screen-words", "make-speech"),
    *("follow-mouth", "render-clip"),
    *("check-quality", "draw-pictures", "sign-video", "publish"),
}


@pytest.fixture
def captured(store_here: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Captured]:
    with langfuse() as listening:
        monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", listening.public_key)
        monkeypatch.setenv("LANGFUSE_SECRET_KEY", "sk")
        monkeypatch.setenv("LANGFUSE_BASE_URL", listening.url)
        forget()
        yield listening
        tracing.outbox().flush(10)
    forget()


def forget() -> None:
    for kept in (settings, tracing.server, tracing.outbox, tracing.teller):
        kept.cache_clear()


def video(portrait: Path, name: str, **more: Any) -> VideoRequest:  # noqa: ANN401
    request = {
        "portrait": {"image": str(portrait)},
        "speech": {"script": SCRIPT},
        "look": {"resolution": 256},
        "delivery": {"key_prefix": f"videos/{name}"},
        **more,
    }
    return VideoRequest.model_validate(request)


def test_a_video_is_told_stage_by_stage_and_what_was_kept_is_not_counted_again(
    captured: Captured, store_here: Path, portrait_file: Path
) -> None:
    with tags("caller:anna", "request:req_7"):
        made = avatar_video(video(portrait_file, "vid_1"))
        again = avatar_video(video(portrait_file, "vid_2"))
    assert tracing.outbox().flush(10)

    spans = {span.name: span for span in captured.of(trace_id("vid_1"))}
    assert set(spans) == {"avatar-video", *STAGES, *(n for n in spans if n.startswith("frames "))}
    assert len(spans) > len(STAGES) + 1
    assert spans["make-speech"].attributes["user.id"] == "anna"
    names = {score["name"] for score in captured.scores if score["traceId"] == trace_id("vid_1")}
    assert names == {check.name for check in made.quality.checks if check.measured}
    assert not any(word in b"".join(captured.bodies) for word in (b"Papa", b"blue map"))

    assert made.receipt is not None
    assert again.receipt is not None
    assert made.receipt.usage.speech_chars == len(SCRIPT)
    assert made.receipt.usage.cpu_s > again.receipt.usage.cpu_s > 0
    assert again.receipt.usage.speech_chars == 0
    assert made.receipt.total == sum(item.amount for item in made.receipt.items) > 0

    manifest = Manifest.model_validate_json(
        (store_here / "videos/vid_1/manifest.json").read_text(encoding="utf-8")
    )
    assert (manifest.asked.owner, manifest.asked.request) == ("anna", "req_7")
    kept = json.loads((store_here / "videos/vid_1/journal.json").read_text(encoding="utf-8"))
    journal = Journal.model_validate(kept)
    assert (journal.outcome, journal.asked.video) == ("done", "vid_1")
    assert {stage.name for stage in journal.stages if not stage.within} == STAGES


def test_a_failed_video_is_told_with_its_reason(
    captured: Captured, store_here: Path, tmp_path: Path
) -> None:
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(UnsupportedImage):
        avatar_video(video(tmp_path / "text.png", "vid_3"))
    assert tracing.outbox().flush(10)
    root, *_ = (span for span in captured.of(trace_id("vid_3")) if not span.parent)
    assert root.failed
    journal = Journal.model_validate_json((store_here / "videos/vid_3/journal.json").read_text())
    assert (journal.outcome, journal.code) == ("failed", "image_unsupported")
    assert journal.stages[-1].code == "image_unsupported"


def test_a_server_that_never_answers_holds_up_no_video(
    captured: Captured, portrait_file: Path
) -> None:
    captured.hold = threading.Event()
    assert avatar_video(video(portrait_file, "vid_4")).video  # it would wait for ever
    assert captured.bodies == []
    captured.hold.set()


def test_the_workers_image_has_the_libraries_and_the_gateway_s_has_not() -> None:
    worker, gateway = (
        (ROOT / "requirements" / f"{name}.txt").read_text() for name in ("worker", "gateway")
    )
    for library in (
        "langfuse==5.",
        "opentelemetry-sdk==",
        "opentelemetry-exporter-otlp-proto-http==",
    ):
        assert f"\n{library}" in worker
        assert f"\n{library}" not in gateway


LOADED = """
import sys
from uuid import uuid4
from prefect.client.schemas.objects import FlowRun
from prefect.states import Completed
from flows.avatar_video import avatar_video
from tasks import tracing

tracing.tell(avatar_video, FlowRun(flow_id=uuid4()), Completed())
if "models.tracing.outbox" in sys.modules:
    tracing.outbox().flush(10)
libraries = ("langfuse", "opentelemetry.sdk", "opentelemetry.exporter", "models.tracing.outbox")
print(*(name for name in libraries if name in sys.modules))
"""
KEYS = {"LANGFUSE_PUBLIC_KEY": "pk", "LANGFUSE_SECRET_KEY": "sk"}
AWAY = {"LANGFUSE_BASE_URL": "http://127.0.0.1:9"}


@pytest.mark.parametrize(
    ("given", "loads"),
    [({}, False), (KEYS | {"LANGFUSE_SAMPLE_RATE": "0"}, False), (KEYS | AWAY, True)],
    ids=["no keys", "not sampled", "keys"],
)
def test_the_libraries_are_loaded_only_for_who_is_told(
    given: dict[str, str], loads: bool, tmp_path: Path
) -> None:
    bare = {name: value for name, value in os.environ.items() if not name.startswith("LANGFUSE")}
    here = {"AVATAR_STORE": str(tmp_path), "PREFECT_LOGGING_TO_API_ENABLED": "false"}
    run = subprocess.run(
        [sys.executable, "-c", LOADED],
        cwd=ROOT,
        env=bare | here | given,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert bool(run.stdout.strip()) is loads
