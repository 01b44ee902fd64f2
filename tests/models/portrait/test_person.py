from pathlib import Path

import numpy as np
import pytest

from models.errors import MissingModels
from models.portrait.face import Face, Picture
from models.portrait.person import cut, largest_part, person_mask


def test_the_astronaut_is_inside_and_the_wall_outside(
    face_models: Path, photo: Picture, face: Face
) -> None:
    mask = person_mask(face_models, photo.rgb)
    columns, rows = face.landmarks[:468, :2].round().astype(int).T
    assert mask.shape == (512, 512)
    assert 0 <= mask.min() <= mask.max() <= 1
    assert mask[rows, columns].mean() > 0.99
    assert mask[:200, 330:420].max() < 0.05  # the wall between her and the shuttle
    assert mask[:60, 460:].max() < 0.05


def test_her_hair_is_soft(face_models: Path, photo: Picture) -> None:
    hair = person_mask(face_models, photo.rgb)[5:60, 150:300]
    assert np.mean((hair > 0.05) & (hair < 0.95)) > 0.02


def test_the_mask_is_the_same_every_time(face_models: Path, photo: Picture) -> None:
    once = person_mask(face_models, photo.rgb)
    assert np.array_equal(once, person_mask(face_models, photo.rgb))


def test_where_the_network_doubts_colour_decides() -> None:
    rgb = np.full((120, 120, 3), (40, 90, 200), np.uint8)
    rgb[:, 60:] = (200, 120, 60)
    noise = np.random.default_rng(0).integers(-5, 6, rgb.shape)
    rgb = np.clip(rgb + noise, 0, 255).astype(np.uint8)
    mask = np.zeros((120, 120), np.float32)
    mask[:, 60:] = 1
    mask[80:, 20:60] = 0.6  # the network takes some background for person
    mask[:40, 60:80] = 0.4  # and some person for background
    inside = cut(rgb, mask)
    assert inside[:, 62:].mean() > 0.99
    assert inside[:, :58].mean() < 0.01


@pytest.mark.parametrize("likelihood", [0.0, 1.0])
def test_a_picture_of_one_thing_is_not_cut(likelihood: float) -> None:
    rgb = np.zeros((20, 30, 3), np.uint8)
    inside = cut(rgb, np.full((20, 30), likelihood, np.float32))
    assert (inside == (likelihood > 0.5)).all()


def test_only_the_largest_part_stays_and_its_small_holes_close() -> None:
    inside = np.zeros((100, 100), np.bool_)
    inside[10:90, 10:60] = True
    inside[40:42, 30:32] = False
    inside[5:9, 80:90] = True
    kept = largest_part(inside)
    assert kept[10:90, 10:60].all()
    assert not kept[:, 60:].any()


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingModels, match="selfie_segmentation"):
        person_mask(tmp_path, np.zeros((8, 8, 3), np.uint8))
