"""The column warp: exact at its knots, never folding, identity where nothing moves."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.mesh.columns import COLUMNS, LocalFrame, at_columns, column_grid, contour, source_of


def knots(*heights: float) -> torch.Tensor:
    return torch.tensor(heights, dtype=torch.float32)[None, :, None, None]


def test_a_knot_appears_where_it_is_told() -> None:
    source, target = knots(0.0, 0.1, 0.3), knots(0.0, 0.2, 0.3)
    place = source_of(torch.tensor([[[0.2]]]), target, source)
    assert place.item() == pytest.approx(0.1, abs=1e-6)


def test_beyond_the_knots_nothing_is_stretched() -> None:
    source, target = knots(0.0, 0.1), knots(0.0, 0.2)
    places = source_of(torch.tensor([[[-0.5, 0.5]]]), target, source)
    assert places.flatten().tolist() == pytest.approx([-0.5, 0.4], abs=1e-6)


@given(
    st.lists(st.floats(0.01, 0.3), min_size=3, max_size=3),
    st.lists(st.floats(0.0, 0.3), min_size=3, max_size=3),
)
def test_the_warp_never_folds(source_steps: list[float], target_steps: list[float]) -> None:
    source = knots(*np.cumsum(source_steps))
    target = knots(*np.cumsum(target_steps))
    v = torch.linspace(-0.5, 1.5, 400)[None, None]
    places = source_of(v, target, source).flatten()
    assert (places.diff() >= -1e-5).all()


def test_curves_are_read_linearly_between_columns() -> None:
    curves = torch.from_numpy(column_grid()).float().expand(2, 3, COLUMNS)
    u = torch.tensor([[[-0.731, 0.0]], [[0.002, 0.999]]])
    read = at_columns(curves, u)
    assert torch.allclose(read, u[:, None].expand(-1, 3, -1, -1), atol=1e-5)


def test_a_contour_passes_through_its_points() -> None:
    points = np.array([[-0.5, 0.1], [0.0, 0.3], [0.5, 0.0]])
    curve = contour(points)
    at_points = np.interp(points[:, 0], column_grid(), curve)
    assert at_points == pytest.approx(points[:, 1], abs=1e-4)


def test_a_contour_that_turns_back_is_still_a_function() -> None:
    points = np.array([[-0.5, 0.1], [-0.52, 0.2], [0.5, 0.0]])
    assert np.isfinite(contour(points)).all()


def test_a_local_frame_goes_there_and_back() -> None:
    frame = LocalFrame(np.array([10.0, 20.0]), np.array([[100.0, 5.0], [8.0, 90.0]]))
    pixels = np.array([[12.0, 44.0], [100.0, -3.0]], np.float32)
    assert frame.pixels(frame.local(pixels)) == pytest.approx(pixels, abs=1e-4)
