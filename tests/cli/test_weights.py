"""`avatar weights` on a real checkpoint of the published layout."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from cli.main import run
from models.weights.folder import FOLDER, WeightsFolder
from tasks.settings import settings
from tests.models.wav2lip import published


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "wav2lip.pth"
    torch.save({"state_dict": published.random_state(), "global_step": 5}, path)
    return path


@pytest.fixture(autouse=True)
def models_here(tmp_path: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AVATAR_MODELS", str(tmp_path))
        settings.cache_clear()
        yield
    settings.cache_clear()


def test_weights_are_added_listed_and_verified(
    checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    terms = ["--licence", "research only", "--research-only"]
    assert run(["weights", "add", "wav2lip", str(checkpoint), *terms]) == 0
    assert run(["weights", "list"]) == 0
    assert run(["weights", "verify"]) == 0
    told = capsys.readouterr().out
    assert "research only" in told
    assert "wav2lip: ok" in told


def test_the_activation_is_part_of_the_weights_identity(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Files with the same tensors draw other pictures: nothing of one is taken for the other's."""
    folder = WeightsFolder(tmp_path / FOLDER)
    terms = ["--licence", "research only", "--research-only"]
    found = []
    for activation in ("relu", "leaky"):
        given = ["wav2lip", str(checkpoint), *terms, "--activation", activation]
        assert run(["weights", "add", *given]) == 0
        found.append(folder.pin("wav2lip"))
    assert [pin.activation for pin in found] == ["relu", "leaky"]
    assert found[0].source_sha256 == found[1].source_sha256
    assert found[0].sha256 != found[1].sha256
    folder.file("wav2lip").unlink()
    assert folder.pull("wav2lip") == found[1]
    assert run(["weights", "add", "wav2lip", str(checkpoint), *terms, "--activation", "tanh"]) == 2
    assert "'relu', 'leaky'" in capsys.readouterr().err


def test_a_licence_must_be_named(checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["weights", "add", "wav2lip", str(checkpoint)]) == 2
    assert "--licence" in capsys.readouterr().err


def test_unknown_weights_end_with_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["weights", "pull", "wav2lip"]) == 3
    assert capsys.readouterr().err.startswith("weights_missing: there are no weights wav2lip")
