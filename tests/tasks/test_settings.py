from pathlib import Path

import pytest
from pydantic import ValidationError

from tasks.settings import Settings


def test_the_environment_is_read_by_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVATAR_STORE", "/somewhere")
    monkeypatch.setenv("MISTRAL_API_KEY", "open-sesame")
    monkeypatch.setenv("LANGFUSE_SECRET_KEY", "open-sesame")
    assert Settings().store == "/somewhere"
    assert "open-sesame" not in repr(Settings())


def test_records_stay_here_where_the_store_is_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVATAR_STORE", "/somewhere")
    assert Settings().results == Path("/somewhere/results")
    monkeypatch.setenv("AVATAR_STORE", "s3://bucket/prefix")
    assert Settings().results == Settings().prefect_home / "results"


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().device = "cuda"


def test_no_threads_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVATAR_THREADS", "0")
    with pytest.raises(ValidationError, match="threads"):
        Settings()
