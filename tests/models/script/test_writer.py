import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from models.contracts import TopicSpeech
from models.errors import MissingKey, RateLimited, ServiceRefused, ServiceUnavailable
from models.script.service import retry_after_s
from models.script.writer import ScriptWriter
from tests.models.script.conftest import ChatServer, Reply, completion, script

TOPIC = TopicSpeech(topic="Why the sky is blue", duration_s=20, language="French", tone="dry")
TARGET = 50  # 20 s at 2.5 words a second


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def writer(server: ChatServer, waits: list[float]) -> ScriptWriter:
    return ScriptWriter("secret", base_url=server.url, sleep=waits.append)


def test_a_script_of_the_right_length_is_taken(server: ChatServer, writer: ScriptWriter) -> None:
    server.replies = [script(TARGET)]
    written = writer.write(TOPIC, 2.5)
    assert (written.title, written.words, written.target_words) == ("A title", TARGET, TARGET)
    assert (written.usage.prompt_tokens, written.usage.completion_tokens) == (100, 50)
    assert written.model == "mistral-small-2603"


def test_the_request_says_what_is_wanted(server: ChatServer, writer: ScriptWriter) -> None:
    server.replies = [script(TARGET)]
    writer.write(TOPIC, 2.5)
    (request,) = server.requests
    told = " ".join(message["content"] for message in request["messages"])
    for wish in ("Why the sky is blue", "50 words", "20 seconds", "French", "dry"):
        assert wish in told
    assert request["response_format"]["json_schema"]["schema"]["required"] == ["title", "script"]
    assert server.keys == ["Bearer secret"]


def test_braces_in_the_topic_are_only_text(server: ChatServer, writer: ScriptWriter) -> None:
    server.replies = [script(TARGET)]
    writer.write(TOPIC.model_copy(update={"topic": "{words} and {0}"}), 2.5)
    assert "{words} and {0}" in server.requests[0]["messages"][1]["content"]


def test_a_wrong_length_is_asked_for_again(server: ChatServer, writer: ScriptWriter) -> None:
    server.replies = [script(90), script(52)]
    written = writer.write(TOPIC, 2.5)
    assert written.words == 52
    assert written.usage.prompt_tokens == 200
    correction = server.requests[1]["messages"][-1]["content"]
    assert "90 words" in correction
    assert "shorter" in correction


def test_within_the_tolerance_nothing_is_asked_again(
    server: ChatServer, writer: ScriptWriter
) -> None:
    server.replies = [script(57), script(TARGET)]
    assert writer.write(TOPIC, 2.5).words == 57


def test_the_nearest_draft_is_kept_in_the_end(server: ChatServer, writer: ScriptWriter) -> None:
    server.replies = [script(90), script(70), script(20)]
    written = writer.write(TOPIC, 2.5)
    assert written.words == 70
    assert not written.close_enough
    assert len(server.requests) == 3


def test_what_is_not_spoken_is_left_out(server: ChatServer, writer: ScriptWriter) -> None:
    text = "**Narrator:** The sky [pause] is *blue*. (smiles)\n\n# Why?\n- Light 🌤️ scatters."
    server.replies = [completion(json.dumps({"title": "T", "script": text}))]
    assert writer.write(TOPIC, 2.5).text == "The sky is blue.\nWhy?\nLight scatters."


def test_rate_limits_wait_as_long_as_they_say(
    server: ChatServer, writer: ScriptWriter, waits: list[float]
) -> None:
    server.replies = [Reply(429, "{}", {"retry-after": "7"}), script(TARGET)]
    assert writer.write(TOPIC, 2.5).words == TARGET
    assert waits == [7.0]


def test_a_long_rate_limit_is_the_callers_to_wait_for(
    server: ChatServer, writer: ScriptWriter, waits: list[float]
) -> None:
    server.replies = [Reply(429, "{}", {"retry-after": "3600"})]
    with pytest.raises(RateLimited) as caught:
        writer.write(TOPIC, 2.5)
    assert caught.value.retry_after_s == 3600
    assert waits == []


def test_rate_limits_end_in_an_error(server: ChatServer, writer: ScriptWriter) -> None:
    server.replies = [Reply(429, "{}")]
    with pytest.raises(RateLimited) as caught:
        writer.write(TOPIC, 2.5)
    assert caught.value.retry_after_s is None
    assert len(server.requests) == 3


def test_a_failing_service_is_asked_again(
    server: ChatServer, writer: ScriptWriter, waits: list[float]
) -> None:
    server.replies = [Reply(500, "oops"), Reply(503, "oops"), script(TARGET)]
    assert writer.write(TOPIC, 2.5).words == TARGET
    assert waits == [1.0, 2.0]


def test_a_service_that_keeps_failing_is_unavailable(
    server: ChatServer, writer: ScriptWriter
) -> None:
    server.replies = [Reply(500, "oops")]
    with pytest.raises(ServiceUnavailable, match="status 500"):
        writer.write(TOPIC, 2.5)


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (401, '{"detail": "no"}', "MISTRAL_API_KEY"),
        (400, '{"message": "Invalid model: x"}', "Invalid model: x"),
        (422, '{"detail": [{"loc": ["body"], "msg": "too much", "type": "value"}]}', "too much"),
    ],
)
def test_refusals_are_not_repeated(
    server: ChatServer, writer: ScriptWriter, status: int, body: str, said: str
) -> None:
    server.replies = [Reply(status, body)]
    with pytest.raises(ServiceRefused, match=said):
        writer.write(TOPIC, 2.5)
    assert len(server.requests) == 1


@pytest.mark.parametrize("content", ["{not json", '{"title": "no script"}', '{"script": 3}', ""])
def test_an_answer_that_is_no_script_is_asked_for_again(
    server: ChatServer, writer: ScriptWriter, content: str
) -> None:
    server.replies = [completion(content), script(TARGET)]
    written = writer.write(TOPIC, 2.5)
    assert written.words == TARGET
    assert written.usage.completion_tokens == 100


def test_nothing_but_malformed_answers_is_an_error(
    server: ChatServer, writer: ScriptWriter
) -> None:
    server.replies = [completion("{not json")]
    with pytest.raises(ServiceUnavailable, match="no script in 3 tries"):
        writer.write(TOPIC, 2.5)


def test_an_unreadable_response_is_a_failure(server: ChatServer, writer: ScriptWriter) -> None:
    server.replies = [Reply(200, '{"surprise": true}')]
    with pytest.raises(ServiceUnavailable, match="unreadable"):
        writer.write(TOPIC, 2.5)


def test_silence_times_out(server: ChatServer) -> None:
    server.replies = [Reply(stalled=True)]
    writer = ScriptWriter("secret", base_url=server.url, timeout_s=0.05, backoff_s=0)
    with pytest.raises(ServiceUnavailable, match="in time"):
        writer.write(TOPIC, 2.5)
    assert len(server.requests) == 3


def test_an_absent_service_cannot_be_reached(server: ChatServer, waits: list[float]) -> None:
    server.server_close()
    writer = ScriptWriter("secret", base_url=server.url, sleep=waits.append)
    with pytest.raises(ServiceUnavailable, match="cannot be reached"):
        writer.write(TOPIC, 2.5)


@pytest.mark.parametrize("key", [None, ""])
def test_no_key_names_the_variable(key: str | None) -> None:
    with pytest.raises(MissingKey, match="MISTRAL_API_KEY"):
        ScriptWriter(key)


def test_retry_after_may_be_a_date() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    assert retry_after_s({"retry-after": later}) == pytest.approx(60, abs=5)


@pytest.mark.parametrize("value", ["", "soon", "Sat, 99 Nov 2026"])
def test_a_meaningless_retry_after_is_none(value: str) -> None:
    assert retry_after_s({"retry-after": value}) is None
