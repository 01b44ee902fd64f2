import numpy as np
import pytest

from models.arrays import F32
from models.speech.warping import warp


def walk(rows: int, seed: int = 0) -> F32:
    steps = np.random.default_rng(seed).normal(size=(rows, 6))
    path: F32 = (0.3 * np.cumsum(steps, axis=0)).astype(np.float32)
    return path


def test_a_sequence_lies_on_itself() -> None:
    places, cost = warp(walk(200), walk(200))
    np.testing.assert_allclose(places, np.arange(200), atol=0.51)
    assert cost == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("rows", [300, 9_000])
def test_a_bent_time_is_found(rows: int) -> None:
    first = walk(rows)
    time = np.linspace(0, 1, int(1.3 * rows))
    bent = (0.6 * time + 0.4 * time**2) * (rows - 1)
    second = np.stack([np.interp(bent, np.arange(rows), column) for column in first.T], axis=1)
    places, _ = warp(first, second.astype(np.float32))
    truth = np.interp(np.arange(rows), bent, np.arange(len(bent)))
    assert (np.diff(places) >= 0).all()
    assert np.abs(places - truth).mean() < 1.5


def test_another_sequence_costs_more() -> None:
    assert warp(walk(300), walk(300, seed=1))[1] > 10 * warp(walk(300), walk(300))[1] + 0.1


def test_very_unequal_lengths_are_met() -> None:
    places, _ = warp(walk(4), walk(900))
    assert places[0] >= 0
    assert places[-1] <= 899
