"""Memory and use of a worker's cards."""

from pathlib import Path

import pytest

from infra.worker.gpus import Gpus
from infra.worker.metrics import text
from tests.infra.worker.nvml_here import cards


def told(folder: Path, *devices: str, lost: int = 0) -> dict[str, float]:
    """The samples, by name and labels."""
    lines = cards(folder, *devices, lost=lost).splitlines()
    samples = (line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))
    return {name: float(value) for name, value in samples}


def test_every_card_tells_its_memory_and_how_busy_it_is(tmp_path: Path) -> None:
    found = told(tmp_path)
    assert found['avatar_worker_gpu_memory_used_bytes{gpu="0"}'] == 1 << 30
    assert found['avatar_worker_gpu_memory_used_bytes{gpu="1"}'] == 9 << 30
    assert found['avatar_worker_gpu_memory_bytes{gpu="1"}'] == 16 << 30
    assert found['avatar_worker_gpu_busy_ratio{gpu="1"}'] == 0.75


@pytest.mark.parametrize("name", ["1", "GPU-second"])
def test_a_worker_tells_of_its_own_cards_only(tmp_path: Path, name: str) -> None:
    found = told(tmp_path, name)
    assert found[f'avatar_worker_gpu_busy_ratio{{gpu="{name}"}}'] == 0.75
    assert len(found) == 3


def test_a_card_that_is_lost_hides_no_other(tmp_path: Path) -> None:
    found = told(tmp_path, lost=1)
    assert {name.partition("{")[2] for name in found} == {'gpu="1"}'}


def test_a_machine_without_a_card_tells_of_none() -> None:
    assert text(Gpus([None]).measure()) == "\n"
