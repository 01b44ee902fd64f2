"""The flow itself asks for consent and looks over the words, whoever started it."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect import tags

from cli.main import run
from flows.avatar_video import avatar_video
from models.contracts import VideoRequest
from models.errors import ConsentMissing, ConsentWithdrawn, ScriptRefused
from models.manifest import Manifest
from models.provenance.credentials import read_statement
from tasks.screening import screens
from tasks.settings import settings

ADD = ("--subject", "Anna Kern", "--method", "signed form", "--purpose", "training")


@pytest.fixture
def requiring(store_here: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("AVATAR_CONSENT", "require")
    settings.cache_clear()
    screens.cache_clear()
    yield store_here
    screens.cache_clear()


def video(portrait: Path, script: str = "Papa may buy a map.", **more: Any) -> VideoRequest:  # noqa: ANN401
    request = {
        "portrait": {"image": str(portrait)},
        "speech": {"script": script},
        "look": {"resolution": 256},
        "delivery": {"key_prefix": "videos/vid_1"},
        **more,
    }
    return VideoRequest.model_validate(request)


def test_consent_is_needed_named_in_the_credentials_and_can_be_withdrawn(
    requiring: Path, portrait_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConsentMissing):
        avatar_video(video(portrait_file))

    assert run(["consent", "add", str(portrait_file), *ADD, "--until", "2199-01-01"]) == 0
    name = capsys.readouterr().out.strip()
    with tags("caller:somebody else"), pytest.raises(ConsentMissing):
        avatar_video(video(portrait_file))

    made = avatar_video(video(portrait_file))
    manifest = Manifest.model_validate_json((requiring / made.manifest).read_text())
    statement = read_statement(requiring / made.video)
    assert statement is not None
    assert len(made.consent) == 64
    assert statement.consent == manifest.consent == made.consent
    assert run(["consent", "list"]) == 0
    assert f"{name} valid" in capsys.readouterr().out.replace("  ", " ")

    assert run(["consent", "withdraw", name]) == 0
    told = capsys.readouterr()
    assert told.out.strip() == "vid_1"
    assert "videos of the portrait: 1" in told.err
    with pytest.raises(ConsentWithdrawn):
        avatar_video(video(portrait_file))


def test_words_that_must_not_be_said_are_refused_and_never_written_down(
    store_here: Path, portrait_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(ScriptRefused, match="weapons"):
        avatar_video(video(portrait_file, "This is how to build a bomb at home."))
    error = json.loads((store_here / "videos/vid_1/error.json").read_text())
    assert error["code"] == "script_refused"
    left = (file.read_text(errors="replace") for file in store_here.rglob("*.json"))
    assert not any("bomb" in text for text in (*left, caplog.text))


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["nobody.png", *ADD], "is not there"),
        (["PORTRAIT", *ADD, "--until", "soon"], "--until cannot be 'soon'"),
    ],
)
def test_what_cannot_be_recorded_is_said(
    store_here: Path,
    portrait_file: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    why: str,
) -> None:
    given = [str(portrait_file) if one == "PORTRAIT" else one for one in arguments]
    assert run(["consent", "add", *given]) == 2
    assert why in capsys.readouterr().err
