"""A real photograph beside itself, softened and swapped for another's face."""

import cv2
import numpy as np
import pytest

from models.arrays import F32, U8
from models.portrait.face import Face, Picture
from models.quality.likeness import Photo, likeness, span_px
from models.quality.measured import Likeness
from models.quality.tracking import patch_of


def beside(photo: Photo, rgb: U8, landmarks: F32) -> Likeness:
    return likeness(photo, [patch_of(rgb, landmarks)], [landmarks])


@pytest.fixture
def photo(astronaut: tuple[Picture, Face]) -> Photo:
    picture, face = astronaut
    return Photo(picture.rgb, face.landmarks)


def test_a_photo_is_like_itself(photo: Photo) -> None:
    found = beside(photo, photo.rgb, photo.landmarks)
    assert found.upper_face[0] == pytest.approx(1, abs=1e-3)
    assert found.shape[0] == pytest.approx(0, abs=1e-3)
    assert found.mouth_detail[0] == pytest.approx(1, abs=1e-3)


def test_a_smaller_frame_is_as_sharp_as_its_photo(photo: Photo) -> None:
    small = np.asarray(cv2.resize(photo.rgb, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
    found = beside(photo, small.astype(np.uint8), photo.landmarks * np.float32(0.5))
    assert found.mouth_detail[0] == pytest.approx(1, abs=0.1)


def test_a_soft_mouth_in_a_sharp_face_is_seen(photo: Photo) -> None:
    x, y = photo.landmarks[[13, 14], :2].mean(axis=0).astype(int)
    reach = round(0.5 * span_px(photo.landmarks))
    rgb = photo.rgb.copy()
    box = rgb[y - reach : y + reach, x - reach : x + reach]
    box[:] = cv2.GaussianBlur(box, (0, 0), 0.04 * span_px(photo.landmarks))
    assert beside(photo, rgb, photo.landmarks).mouth_detail[0] < 0.5


def test_another_shape_is_another_face(photo: Photo) -> None:
    narrow = photo.landmarks * np.array([0.8, 1, 1], np.float32)
    assert beside(photo, photo.rgb, narrow).shape[0] > 0.03


def test_a_frame_without_a_face_is_not_measured(photo: Photo) -> None:
    found = likeness(photo, [np.full((176, 128), np.nan, np.float32)], [None])
    assert np.isnan(found.upper_face).all()
