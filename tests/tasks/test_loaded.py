"""What a process loads: with what this machine was measured to do best, and anew when it must."""

import logging
import platform
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import torch

from models.engines.crew import CrewEngine
from models.engines.onnx_runtime import OnnxEngine
from models.engines.torch_engines import EagerEngine
from models.engines.tuning import Candidate, Measured, Tuning, key_of
from models.mesh.renderer import BATCH, MeshRenderer
from models.wav2lip.renderer import Wav2LipRenderer
from models.weights.folder import FOLDER, WeightsFolder
from tasks import loaded
from tasks.policies import keep
from tasks.settings import settings
from tests.models.wav2lip import published


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WeightsFolder]:
    """An empty store, and a small wav2lip network among the weights."""
    monkeypatch.setenv("AVATAR_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("AVATAR_MODELS", str(tmp_path))
    folder = WeightsFolder(tmp_path / FOLDER)
    fresh()
    add(folder, seed=5)
    yield folder
    monkeypatch.undo()
    fresh()


def fresh() -> None:
    """As in a new process."""
    settings.cache_clear()
    loaded.home.cache_clear()
    loaded._loaded.clear()


def add(folder: WeightsFolder, seed: int) -> None:
    checkpoint = folder.root.parent / f"{seed}.pth"
    torch.save(published.random_state(seed, fewer=8), checkpoint)
    folder.forget("wav2lip")
    folder.add("wav2lip", str(checkpoint), licence="ours", commercial_use=True)


def tuned(*found: tuple[str, str, int], machine: str | None = None) -> None:
    """Store renderer, engine and batch as `optimize-engines` does."""
    best = tuple(
        Measured(
            candidate=Candidate(renderer=name, device="cpu", engine=engine, batch=batch),
            frames_per_s=50,
        )
        for name, engine, batch in found
    )
    machine = machine or platform.node()
    tuning = Tuning(machine=machine, made_at=datetime.now(UTC), best=best, measured=best)
    keep(tuning, key_of(machine))


def engine_of(renderer: Wav2LipRenderer) -> object:
    """What each thread of the crew calls."""
    crew = renderer.shared._engine
    assert isinstance(crew, CrewEngine)
    return crew.draw


def wav2lip() -> Wav2LipRenderer:
    found = loaded.renderer("wav2lip")
    assert isinstance(found, Wav2LipRenderer)
    return found


def test_what_was_measured_best_here_is_what_is_loaded(weights: WeightsFolder) -> None:
    pytest.importorskip("onnxruntime")
    tuned(("mesh", "opencv", 3), ("wav2lip", "onnx", 24))
    renderer, mesh = wav2lip(), loaded.renderer("mesh")
    assert isinstance(engine_of(renderer), OnnxEngine)
    assert renderer.shared.batch == 24
    assert isinstance(mesh, MeshRenderer)
    assert mesh._at_once.frames == 3


def test_another_machine_s_measurements_are_not_used(weights: WeightsFolder) -> None:
    tuned(("mesh", "opencv", 3), ("wav2lip", "onnx", 24), machine=f"not-{platform.node()}")
    mesh = loaded.renderer("mesh")
    assert isinstance(engine_of(wav2lip()), EagerEngine)
    assert wav2lip().shared.batch == 16
    assert mesh._at_once.frames == BATCH  # type: ignore[attr-defined]


def test_the_operator_s_batch_goes_before_the_measured_one(
    weights: WeightsFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAX_BATCH_SIZE", "2")
    fresh()
    tuned(("wav2lip", "eager", 24))
    assert wav2lip().shared.batch == 2


@pytest.mark.parametrize("gone", ["onnx-int8", "an-engine-of-old"])
def test_an_engine_that_has_gone_falls_to_the_next_with_one_line(
    weights: WeightsFolder, gone: str, caplog: pytest.LogCaptureFixture
) -> None:
    """INT8's plan was removed, or a newer version knows no such engine."""
    tuned(("wav2lip", gone, 24))
    with caplog.at_level(logging.WARNING):
        assert isinstance(engine_of(wav2lip()), EagerEngine)
    (line,) = caplog.messages
    assert line.startswith(f"{gone}: ")
    assert line.endswith("the next best engine is used")


def test_a_renderer_is_loaded_once_and_anew_for_other_weights(weights: WeightsFolder) -> None:
    first = wav2lip()
    assert wav2lip() is first
    add(weights, seed=6)
    second = wav2lip()
    assert second is not first
    assert [choice.weights for choice in loaded._loaded] == [weights.pin("wav2lip").sha256]
