from pathlib import Path

import pytest
from prefect import task

from models.contracts import RecordedSpeech, ScriptSpeech, TopicSpeech
from models.errors import NoFaceFound, ServiceUnavailable
from tasks.policies import cached, code_version, is_transient, keep, key_of, store
from tasks.speech import speech_files


def runs_until_it_ends(error: Exception) -> int:
    """How often a task that always fails by the error is run."""
    count = 0

    @task(retries=1, retry_condition_fn=is_transient)
    def fails() -> None:
        nonlocal count
        count += 1
        raise error

    with pytest.raises(type(error)):
        fails()
    return count


def test_only_what_a_retry_can_help_is_tried_again(prefect_server: None) -> None:
    assert runs_until_it_ends(ServiceUnavailable("no answer")) == 2
    assert runs_until_it_ends(NoFaceFound("no face")) == 1
    assert runs_until_it_ends(RuntimeError("a bug")) == 1


def test_a_record_whose_files_are_gone_is_not_believed(store_here: Path, tmp_path: Path) -> None:
    runs: list[str] = []

    def files(name: str) -> tuple[str]:
        return (f"things/{name}-{tmp_path.name.lower().replace('_', '-')}.json",)

    @task(cache_key_fn=cached(files), persist_result=True, result_serializer="json")
    def make(name: str) -> str:
        runs.append(name)
        keep(ScriptSpeech(script=name), *files(name))
        return name

    assert [make("a"), make("a")] == ["a", "a"]
    assert runs == ["a"]
    store().path(*files("a")).unlink()
    assert [make("a"), make("a")] == ["a", "a"]
    assert runs == ["a", "a"]


def test_an_input_that_cannot_be_read_has_no_key(store_here: Path) -> None:
    runs: list[int] = []

    def files(number: int) -> tuple[str]:
        raise FileNotFoundError(number)

    @task(cache_key_fn=cached(files), persist_result=True, result_serializer="json")
    def make(number: int) -> int:
        runs.append(number)
        return number

    make(1)
    make(1)
    assert runs == [1, 1]


def test_a_key_changes_with_every_part() -> None:
    keys = {
        key_of("speech", ScriptSpeech(script="a")),
        key_of("speech", ScriptSpeech(script="b")),
        key_of("speech", ScriptSpeech(script="a", rate=1.5)),
        key_of("speech", TopicSpeech(topic="a")),
        key_of("clips", ScriptSpeech(script="a")),
    }
    assert len(keys) == 5
    assert len(code_version()) == 32


def test_a_recording_is_known_by_its_content(tmp_path: Path) -> None:
    first, second = tmp_path / "a.wav", tmp_path / "b.wav"
    first.write_bytes(b"sound")
    second.write_bytes(b"sound")
    told = [speech_files(RecordedSpeech(audio=str(path))) for path in (first, second)]
    assert told[0] == told[1]
    second.write_bytes(b"other")
    assert speech_files(RecordedSpeech(audio=str(second))) != told[0]
