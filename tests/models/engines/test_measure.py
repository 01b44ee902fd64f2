"""What is timed on this machine, and what a measurement must be to be used."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import torch

from models.engines import measure
from models.engines.measure import candidates
from models.engines.numerics import Deviation, deviation
from models.engines.torch_engines import CudaGraphEngine
from models.engines.tuning import Candidate, Measured, Tuning, best_of
from models.errors import EngineUnusable
from models.musetalk import engines as musetalk
from models.wav2lip import engines
from models.weights.folder import FOLDER


def candidate(engine: str, batch: int = 16) -> Candidate:
    return Candidate(renderer="wav2lip", device="cpu", engine=engine, batch=batch)


@pytest.mark.parametrize("bfloat16", [True, False])
def test_networks_are_timed_where_their_weights_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, bfloat16: bool
) -> None:
    """Without instructions of its own, bfloat16 would take minutes to be found slow."""
    monkeypatch.setattr(measure, "has_bfloat16", lambda: bfloat16)
    left_out = set() if bfloat16 else {"bf16"}
    assert {each.renderer for each in candidates("cpu", 512, tmp_path)} == {"mesh"}
    (tmp_path / FOLDER).mkdir()
    for name in ("wav2lip", "musetalk"):
        for suffix in (".json", ".safetensors"):
            (tmp_path / FOLDER / f"{name}{suffix}").touch()
    found = candidates("cpu", 512, tmp_path)
    for name, every in (("wav2lip", engines.ON_CPU), ("musetalk", musetalk.ON_CPU)):
        timed = {each.engine for each in found if each.renderer == name}
        assert timed == set(every) - left_out
    assert {each.batch for each in found if each.renderer == "musetalk"} == {measure.FEW}


def test_the_engines_that_are_timed_are_those_there_are() -> None:
    assert measure.ENGINES == {
        "wav2lip": (engines.ON_CPU, engines.ON_GPU),
        "musetalk": (musetalk.ON_CPU, musetalk.ON_GPU),
    }


def test_an_engine_whose_pictures_are_off_is_not_chosen() -> None:
    assert measure._told(Deviation(psnr_db=29.9, largest=0.5)).startswith("its pictures are off")
    assert measure._told(Deviation(psnr_db=30.0, largest=0.5)) == ""
    fast = Measured(candidate=candidate("onnx-int8"), frames_per_s=90, error="off")
    slow = Measured(candidate=candidate("bf16"), frames_per_s=60)
    tuning = Tuning(
        machine="here", made_at=datetime.now(UTC), best=best_of([fast, slow]), measured=()
    )
    assert tuning.choice_of("wav2lip", "cpu") == slow.candidate
    assert tuning.choice_of("mesh", "cpu") is None


def test_deviation_is_in_decibels() -> None:
    reference = torch.full((2, 3, 4, 4), 0.5)
    assert deviation(reference, reference).psnr_db == 150
    assert deviation(reference + 0.1, reference).psnr_db == pytest.approx(20, abs=1e-3)
    assert deviation(reference * torch.nan, reference).psnr_db < 0


def test_a_machine_without_a_card_says_so_in_one_line() -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has one")
    with pytest.raises(EngineUnusable, match="NVIDIA card"):
        CudaGraphEngine(torch.nn.Identity(), torch.float16)
