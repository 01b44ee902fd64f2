"""What a server on a real socket is sent, against OTLP's schema and Langfuse's own library."""

import json
from datetime import UTC, datetime

import httpx
import pytest
from langfuse import Langfuse
from langfuse._client.attributes import LangfuseOtelSpanAttributes as Names

from models.contracts import Check, Usage
from models.journal import Asked, Generation, Journal, Stage, asked_by, trace_id
from models.tracing import langfuse as ours
from models.tracing.langfuse import Server, send
from models.usage import Rates
from tests.langfuse_here import Captured, Observed, langfuse

VIDEO = "vid_" + "7" * 32
AT = datetime(2026, 11, 27, 12, 0, 0, 123_456, tzinfo=UTC)
RATES = Rates(prompt_million=2.0, completion_million=6.0)


def stage(name: str, **more: object) -> Stage:
    given = {"started_at": AT, "seconds": 1.5, "worker": "host:7", **more}
    return Stage.model_validate({"name": name, **given})


def journal(*stages: Stage, **more: object) -> Journal:
    asked = Asked(video=VIDEO, owner="anna", request="req_1", batch="bat_1")
    given = {"run": "r1", "started_at": AT, "seconds": 4.0, "outcome": "done", **more}
    return Journal.model_validate({"asked": asked, "stages": stages, **given})


def server(captured: Captured, **more: object) -> Server:
    return Server(captured.url, "pk", "sk", **more)  # type: ignore[arg-type]


def sent(one: Journal, **more: object) -> tuple[Captured, dict[str, Observed]]:
    with langfuse() as captured:
        send(server(captured, **more), one, RATES)
        return captured, {span.name: span for span in captured.spans}


def test_the_trace_is_the_video_s_and_its_stages_hang_under_it() -> None:
    captured, spans = sent(journal(stage("render-clip"), stage("frames 0-9", within="render-clip")))
    assert {span.trace for span in captured.spans} == {Langfuse.create_trace_id(seed=VIDEO)}
    root, clip, part = (spans[name] for name in ("avatar-video", "render-clip", "frames 0-9"))
    assert (root.parent, clip.parent, part.parent) == ("", root.id, clip.id)
    assert (root.seconds, clip.seconds) == (4.0, 1.5)
    assert captured.logins == {"pk:sk"}


def test_every_span_says_whose_it_is() -> None:
    captured, _ = sent(journal(stage("render-clip")))
    for span in captured.spans:
        assert span.attributes[Names.TRACE_USER_ID] == "anna"
        assert span.attributes[Names.TRACE_SESSION_ID] == "bat_1"
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
    assert spans["avatar-video"].failed
    assert spans["check-portrait"].failed
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


@pytest.mark.parametrize("old", [False, True])
def test_measured_checks_are_scores_also_for_an_older_server(old: bool) -> None:
    checks = (
        Check(name="lip_sync", value=0.97, bar=">= 0.9", passed=True),
        Check(name="blinks", value=0.0, bar=">= 1", passed=True, measured=False),
    )
    with langfuse() as captured:
        captured.one_score_at_a_time = old
        send(server(captured), journal(stage("check-quality", checks=checks)), RATES)
    (score,) = captured.scores
    assert (score["traceId"], score["name"], score["value"]) == (trace_id(VIDEO), "lip_sync", 0.97)
    assert score["dataType"] == "NUMERIC"
    assert "passed" in score["comment"]


def test_what_is_sent_again_is_the_same() -> None:
    one = journal(stage("check-quality", checks=(Check(name="a", value=1, bar="", passed=True),)))
    first, _ = sent(one)
    again, _ = sent(one)
    assert [span.id for span in first.spans] == [span.id for span in again.spans]
    assert [score["id"] for score in first.scores] == [score["id"] for score in again.scores]


def test_a_server_that_refuses_is_an_error_here() -> None:
    with langfuse() as captured:
        captured.failing = 1
        with pytest.raises(httpx.HTTPStatusError):
            send(server(captured), journal(), RATES)


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


def test_the_attributes_are_those_of_langfuse_s_own_library() -> None:
    pairs = {
        ours.TYPE: Names.OBSERVATION_TYPE,
        ours.LEVEL: Names.OBSERVATION_LEVEL,
        ours.STATUS: Names.OBSERVATION_STATUS_MESSAGE,
        ours.INPUT: Names.OBSERVATION_INPUT,
        ours.OUTPUT: Names.OBSERVATION_OUTPUT,
        ours.METADATA: Names.OBSERVATION_METADATA,
        ours.MODEL: Names.OBSERVATION_MODEL,
        ours.TOKENS: Names.OBSERVATION_USAGE_DETAILS,
        ours.COST: Names.OBSERVATION_COST_DETAILS,
        ours.TRACE_NAME: Names.TRACE_NAME,
        ours.TRACE_METADATA: Names.TRACE_METADATA,
        ours.USER: Names.TRACE_USER_ID,
        ours.SESSION: Names.TRACE_SESSION_ID,
        ours.ENVIRONMENT: Names.ENVIRONMENT,
    }
    assert all(mine == theirs for mine, theirs in pairs.items())


def test_a_flow_run_s_tags_say_who_asked() -> None:
    tags = ["caller:anna", "video:vid_1", "request:req_1", "batch:bat_1", "other"]
    assert asked_by(tags) == Asked(video="vid_1", owner="anna", request="req_1", batch="bat_1")
    assert asked_by([], "videos/vid_2").video == "vid_2"
