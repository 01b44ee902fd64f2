"""`avatar distill`: what it says, and what it says when it cannot."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from skimage import data, io

from cli.main import run
from models.assets import DEFAULT_CACHE
from models.weights.folder import FOLDER, WeightsFolder
from tasks.settings import settings
from tests.models.distill.sounds import spoken
from tests.models.wav2lip import published


@pytest.fixture
def models_here(face_models: Path, tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "models"
    folder.mkdir()
    for model in DEFAULT_CACHE.iterdir():
        (folder / model.name).symlink_to(model)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AVATAR_MODELS", str(folder))
        settings.cache_clear()
        yield folder
    settings.cache_clear()


def given(folder: Path) -> list[str]:
    io.imsave(folder / "astronaut.png", data.astronaut())  # type: ignore[no-untyped-call]
    sound = spoken(folder / "speech.wav", 11.0)
    files = ["--portraits", str(folder / "astronaut.png"), "--audio", str(sound)]
    return ["distill", *files, "--out", str(folder / "out")]


def test_a_student_is_distilled_from_the_shell(
    models_here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save(published.random_state(seed=5, fewer=8), tmp_path / "teacher.pth")
    WeightsFolder(models_here / FOLDER).add(
        "wav2lip", str(tmp_path / "teacher.pth"), licence="for research", commercial_use=False
    )
    assert run([*given(tmp_path), "--steps", "1"]) == 0
    told = capsys.readouterr().out
    assert "step 1: loss" in told
    assert "times as fast" in told
    assert "licence: for research (no commercial use), as wav2lip" in told
    assert WeightsFolder(models_here / FOLDER).has("wav2lip-student")


def test_a_missing_teacher_ends_with_the_command_that_adds_one(
    models_here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(given(tmp_path)) == 3
    assert "avatar weights add wav2lip" in capsys.readouterr().err
