"""What a server on a real socket is sent by Langfuse's library, and what becomes of failures."""

import json
import subprocess
import sys
import threading
from datetime import UTC, datetime

import pytest
from langfuse import Langfuse
from langfuse import LangfuseOtelSpanAttributes as Names
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import get_tracer_provider

from models.contracts import Check, Usage
from models.errors import ServiceUnavailable
from models.journal import Asked, Generation, Journal, Stage, asked_by, trace_id
from models.tracing.langfuse import Teller
from models.tracing.server import Server
from models.usage import Rates
from tests.langfuse_here import SCORES, TRACES, Captured, Observed, langfuse
from tests.orchestra import ROOT

FLOW = "avatar-video"
VIDEO = "vid_" + "7" * 32
AT = datetime(2026, 11, 27, 12, 0, 0, 123_456, tzinfo=UTC)
RATES = Rates(prompt_million=2.0, completion_million=6.0)


CHECKS = (Check(name="lip_sync", value=0.97, bar=">= 0.9", passed=True),)


def stage(name: str, **more: object) -> Stage:
    given = {"started_at": AT, "seconds": 1.5, "worker": "host:7", **more}
    return Stage.model_validate({"name": name, **given})


def journal(*stages: Stage, **more: object) -> Journal:
    asked = Asked(video=VIDEO, owner="anna", request="req_1", batch="bat_1")
    given = {"run": "r1", "started_at": AT, "seconds": 4.0, "outcome": "done", **more}
    return Journal.model_validate({"asked": asked, "stages": stages, **given})


def teller(captured: Captured, **more: object) -> Teller:
    given = {"url": captured.url, "public_key": captured.public_key, "secret_key": "sk", **more}
    return Teller(Server(**given), RATES)  # type: ignore[arg-type]


def sent(one: Journal, **more: object) -> tuple[Captured, dict[str, Observed]]:
    with langfuse() as captured:
        teller(captured, **more).send(one)
        return captured, {span.name: span for span in captured.spans}


def test_the_trace_is_the_video_s_and_its_stages_hang_under_it() -> None:
    captured, spans = sent(journal(stage("frames 0-9", within="render-clip"), stage("render-clip")))
    assert {span.trace for span in captured.spans} == {Langfuse.create_trace_id(seed=VIDEO)}
    root, clip, part = (spans[name] for name in (FLOW, "render-clip", "frames 0-9"))
    assert (root.parent, clip.parent, part.parent) == ("", root.id, clip.id)
    assert (root.seconds, clip.seconds) == (4.0, 1.5)
    assert root.began == clip.began == pytest.approx(AT.timestamp(), abs=1e-6)
    assert [span.name for span in captured.spans if Names.IS_APP_ROOT in span.attributes] == [FLOW]
    assert captured.logins == {f"{captured.public_key}:sk"}


def test_every_span_says_whose_it_is() -> None:
    captured, _ = sent(journal(stage("render-clip")), environment="staging")
    for span in captured.spans:
        assert span.attributes[Names.TRACE_USER_ID] == "anna"
        assert span.attributes[Names.TRACE_SESSION_ID] == "bat_1"
        assert span.attributes[Names.TRACE_NAME] == FLOW
        assert span.attributes[Names.ENVIRONMENT] == "staging"
        assert span.attributes[f"{Names.TRACE_METADATA}.video"] == VIDEO
        assert span.attributes[f"{Names.TRACE_METADATA}.request"] == "req_1"


def test_a_model_s_answer_is_a_generation_with_tokens_and_cost() -> None:
    made = Generation(model="mistral-small", prompt_tokens=1_000_000, completion_tokens=500_000)
    _, spans = sent(journal(stage("write-script", generation=made)))
    told = spans["mistral-small"].attributes
    assert spans["mistral-small"].parent == spans["write-script"].id
    assert told[Names.OBSERVATION_TYPE] == "generation"
    assert told[Names.OBSERVATION_MODEL] == "mistral-small"
    assert json.loads(told[Names.OBSERVATION_USAGE_DETAILS]) == {
        "input": 1_000_000,
        "output": 500_000,
    }
    assert json.loads(told[Names.OBSERVATION_COST_DETAILS]) == {
        "input": 2.0,
        "output": 3.0,
        "total": 5.0,
    }


@pytest.mark.parametrize(("wanted", "shown"), [(False, "[9 letters]"), (True, "our prize")])
def test_words_are_sent_only_where_the_operator_wants_them(wanted: bool, shown: str) -> None:
    made = Generation(
        model="m", prompt_tokens=1, completion_tokens=1, asked="our prize", answered="We won."
    )
    captured, spans = sent(journal(stage("write-script", generation=made)), words=wanted)
    assert spans["m"].attributes[Names.OBSERVATION_INPUT] == shown
    assert (b"We won." in b"".join(captured.bodies)) is wanted


def test_what_failed_is_an_error_with_its_code() -> None:
    failed = stage("check-portrait", outcome="failed", code="no_face")
    _, spans = sent(journal(failed, outcome="failed", code="no_face"))
    assert spans[FLOW].failed
    assert spans["check-portrait"].failed
    assert not sent(journal(stage("check-portrait")))[1]["check-portrait"].failed
    assert spans["check-portrait"].attributes[Names.OBSERVATION_LEVEL] == "ERROR"
    assert spans["check-portrait"].attributes[Names.OBSERVATION_STATUS_MESSAGE] == "no_face"


def test_each_attempt_has_a_span_and_what_it_took() -> None:
    first = stage("render-clip", outcome="failed", code="speech_failed")
    second = stage("render-clip", attempt=2, engine="mesh on cpu", usage=Usage(cpu_s=2.5))
    captured, _ = sent(journal(first, second))
    clips = [span for span in captured.spans if span.name == "render-clip"]
    assert len({span.id for span in clips}) == 2
    told = clips[1].attributes
    assert told[f"{Names.OBSERVATION_METADATA}.attempt"] == "2"
    assert told[f"{Names.OBSERVATION_METADATA}.engine"] == "mesh on cpu"
    assert told[f"{Names.OBSERVATION_METADATA}.cpu_s"] == "2.5"


def test_measured_checks_are_scores() -> None:
    checks = (
        Check(name="lip_sync", value=0.97, bar=">= 0.9", passed=True),
        Check(name="blinks", value=0.0, bar=">= 1", passed=True, measured=False),
    )
    captured, _ = sent(journal(stage("check-quality", checks=checks)), environment="staging")
    (score,) = captured.scores
    assert (score["traceId"], score["name"], score["value"]) == (trace_id(VIDEO), "lip_sync", 0.97)
    assert (score["dataType"], score["environment"]) == ("NUMERIC", "staging")
    assert "passed" in score["comment"]


def test_what_is_sent_again_is_the_same() -> None:
    one = journal(stage("check-quality", checks=CHECKS))
    with langfuse() as captured:
        telling = teller(captured)
        telling.send(one)
        telling.send(one)
    spans, scores = captured.spans, captured.scores
    assert [span.id for span in spans[:2]] == [span.id for span in spans[2:]]
    assert scores[0] == scores[1]  # Langfuse knows one again by its id and its time


def test_nothing_of_one_video_is_told_with_the_next() -> None:
    other = Asked(video="vid_" + "8" * 32)
    with langfuse() as captured:
        telling = teller(captured)
        telling.send(journal(stage("render-clip")))
        telling.send(journal(stage("render-clip"), asked=other))
    assert len(captured.of(trace_id(VIDEO))) == len(captured.of(trace_id(other.video))) == 2
    assert all(Names.TRACE_USER_ID not in each.attributes for each in captured.spans[2:])


def test_a_server_that_is_busy_is_asked_again() -> None:
    with langfuse() as captured:
        captured.failing = 1
        teller(captured).send(journal())
    assert len(captured.spans) == 1


def test_a_server_that_takes_no_spans_is_an_error_here() -> None:
    with langfuse() as captured:
        captured.failing = 9
        with pytest.raises(ServiceUnavailable, match="took no spans"):
            teller(captured, timeout_s=1).send(journal(stage("check-quality", checks=CHECKS)))
    assert captured.scores == []


def test_a_server_that_takes_no_scores_is_an_error_here() -> None:
    with langfuse() as captured:
        captured.rejecting_scores = True
        with pytest.raises(ServiceUnavailable, match="refused 1 scores"):
            teller(captured).send(journal(stage("check-quality", checks=CHECKS)))


ENDING = """
import sys
from models.journal import Journal
from models.tracing.langfuse import Teller
from models.tracing.outbox import Outbox
from models.tracing.server import Server
from models.usage import Rates

url, key, one = sys.argv[1:]
telling = Teller(Server(url, key, "sk", timeout_s=3600), Rates())
outbox = Outbox(telling.send)
outbox.put(Journal.model_validate_json(one))
sys.stdin.read()
"""


@pytest.mark.parametrize("path", [TRACES, SCORES])
def test_the_end_of_a_process_waits_for_no_server(path: str) -> None:
    one = journal(stage("check-quality", checks=CHECKS)).model_dump_json()
    with langfuse() as captured:
        captured.hold, captured.held = threading.Event(), path
        command = [sys.executable, "-c", ENDING, captured.url, captured.public_key, one]
        with subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert captured.asked.wait(60)
            _, told = process.communicate(timeout=25)  # the server answers after 30 s
        assert process.returncode == 0
    assert told.splitlines() == ["a trace was not sent (the process ended); 1 so far"]


def test_where_opentelemetry_is_switched_off_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    with langfuse() as captured, pytest.raises(ServiceUnavailable, match="OTEL_SDK_DISABLED"):
        teller(captured).send(journal())


def test_the_spans_of_others_are_neither_sent_nor_made_parents() -> None:
    before = get_tracer_provider()
    other = TracerProvider(shutdown_on_exit=False)
    with langfuse() as captured:
        telling = teller(captured)
        with other.get_tracer("prefect").start_as_current_span("a flow run"):
            telling.send(journal())
    assert get_tracer_provider() is before
    (span,) = captured.spans
    assert (span.name, span.trace, span.parent) == (FLOW, trace_id(VIDEO), "")


def test_a_share_of_the_videos_is_sampled_always_the_same_ones() -> None:
    journals = [
        Journal(asked=Asked(video=f"vid_{n}"), started_at=AT, seconds=1, outcome="done")
        for n in range(2_000)
    ]
    tenth = Server("", "", "", sampled=0.1)
    kept = [tenth.wants(one) for one in journals]
    assert 140 < sum(kept) < 260
    assert kept == [tenth.wants(one) for one in journals]
    assert not any(Server("", "", "", sampled=0.0).wants(one) for one in journals)
    assert all(Server("", "", "", sampled=1.0).wants(one) for one in journals)


def test_a_flow_run_s_tags_say_who_asked() -> None:
    tags = ["caller:anna", "video:vid_1", "request:req_1", "batch:bat_1", "other"]
    assert asked_by(tags) == Asked(video="vid_1", owner="anna", request="req_1", batch="bat_1")
    assert asked_by([], "videos/vid_2").video == "vid_2"
