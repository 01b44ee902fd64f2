"""How the command ends: exit codes, one sentence on stderr, a place only on request."""

from pathlib import Path

import pytest

from cli.main import app, run
from models.errors import (
    AvatarError,
    BelowTheBar,
    EncodeFailed,
    MissingModels,
    NoFaceFound,
    ServiceUnavailable,
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NoFaceFound("no face"), 2),
        (MissingModels("no models"), 3),
        (ServiceUnavailable("no answer"), 4),
        (BelowTheBar("not good"), 5),
        (EncodeFailed("broken"), 1),
        (RuntimeError("a bug"), 1),
        (KeyboardInterrupt(), 130),
    ],
)
def test_the_exit_code_tells_whose_turn_it_is(
    error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["fail"]) == 2
    assert ended_by(error, monkeypatch) == code


def ended_by(error: BaseException, patch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit code of the command whose subcommand ends by the error."""

    def fail() -> None:
        raise error

    commands = [*app.registered_commands]
    patch.setattr(app, "registered_commands", commands)
    app.command("fail")(fail)
    return run(["fail", *arguments])


def test_an_error_is_one_sentence_with_its_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ended_by(NoFaceFound("no face in\n\x1b[31ma.jpg"), monkeypatch)
    assert capsys.readouterr().err == "face_not_found: no face in [31ma.jpg\n"


def test_a_traceback_comes_only_on_request(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error: AvatarError = NoFaceFound("no face")
    ended_by(error, monkeypatch)
    assert "Traceback" not in capsys.readouterr().err
    ended_by(error, monkeypatch, "--debug")
    assert "Traceback" in capsys.readouterr().err


def test_an_unknown_option_is_said_in_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "a.png", "--colour"]) == 2
    assert capsys.readouterr().err == "invalid_request: No such option: --colour\n"


def test_the_version_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("avatar 0.")


@pytest.mark.parametrize("command", ["render", "check", "voices"])
def test_each_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([command, "--help"]) == 0
    assert f"avatar {command}" in capsys.readouterr().out


def test_voices_are_listed_by_language(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["voices", "--language", "fr"]) == 0
    listed = capsys.readouterr().out.splitlines()[1:]
    assert len(listed) >= 3
    assert all(line.startswith("fr-") for line in listed)


def test_a_language_without_voices_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["voices", "--language", "xx"]) == 2
    assert "no voice speaks 'xx'" in capsys.readouterr().err


def test_a_missing_portrait_is_an_exit_code_of_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["check", str(tmp_path / "none.png")]) == 1
    assert "portrait: refused, image_unreadable" in capsys.readouterr().out
