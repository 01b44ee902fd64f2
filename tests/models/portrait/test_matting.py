import cv2
import numpy as np
import pytest

from models.arrays import F32, U8
from models.portrait.matting import foreground, shrink, soften

PERSON, GROUND = np.array([150, 60, 40], np.float32), np.array([60, 120, 200], np.float32)


def disc(side: int, softness: float) -> F32:
    """(side, side) 1 inside a circle, 0 outside, falling over `softness` pixels."""
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    return np.asarray(np.clip((side / 3 - np.hypot(x, y)) / softness + 0.5, 0, 1), np.float32)


def blended(alpha: F32) -> U8:
    colours = alpha[..., None] * PERSON + (1 - alpha[..., None]) * GROUND
    return np.asarray(colours.round(), np.uint8)


@pytest.mark.parametrize("side", [300, 900])
def test_a_soft_edge_is_found_from_a_hard_one(side: int) -> None:
    truth = disc(side, softness=6)
    mask = soften(blended(truth), cv2.resize(truth, (160, 160)) > 0.5)
    assert mask.shape == truth.shape
    assert mask.dtype == np.float32
    edge = (truth > 0) & (truth < 1)
    assert np.abs(mask - truth)[edge].mean() < 0.1
    assert np.abs(mask - truth)[~edge].mean() < 0.01


def test_softening_stays_near_the_outline() -> None:
    truth = disc(300, softness=6)
    mask = soften(blended(truth), truth > 0.5)
    assert (mask[90:210, 90:210] == 1).all()
    assert (mask[:30] == 0).all()


def test_a_misplaced_outline_is_drawn_to_the_colours() -> None:
    truth = disc(300, softness=2)
    misplaced = np.roll(truth, 3, axis=1) > 0.5
    mask = soften(blended(truth), misplaced)
    assert np.abs(mask - truth).mean() < 0.5 * np.abs(misplaced - truth).mean()


def test_the_old_background_leaves_the_edge_colours() -> None:
    alpha = disc(300, softness=12)
    half = (alpha > 0.3) & (alpha < 0.7)
    picture = blended(alpha)
    before = np.abs(picture[half] - PERSON).mean()
    after = np.abs(foreground(picture, alpha)[half] - PERSON).mean()
    assert after < 0.4 * before


def test_what_is_all_person_keeps_its_colours() -> None:
    alpha = disc(300, softness=4)
    picture = blended(alpha)
    inside = alpha == 1
    assert np.abs(foreground(picture, alpha)[inside] - PERSON).max() <= 1


def test_shrinking_keeps_the_shape_and_never_enlarges() -> None:
    assert shrink(np.zeros((400, 200, 3), np.uint8), 100).shape == (100, 50, 3)
    assert shrink(np.zeros((40, 20, 3), np.uint8), 100).shape == (40, 20, 3)
