"""Lips and eyes are followed by their pixels, whatever the landmarks say."""

import cv2
import numpy as np
import pytest

from models.arrays import F32, U8
from models.quality.tracking import eye_left, follow, layout_of, lip_travel, patch_of

SIZE = 256


def face(gap: int = 0, shut: bool = False) -> U8:
    """A drawn face whose lower half, textured, sits `gap` pixels lower."""
    texture = np.random.default_rng(1).integers(90, 170, (SIZE, SIZE), np.uint8)
    skin = np.asarray(cv2.GaussianBlur(texture, (0, 0), 2)).astype(np.float32)
    skin = (skin - skin.mean()) * 4 + 130
    below = skin[180 : SIZE - gap].copy()
    picture = skin.copy()
    picture[180 : 180 + gap] = 20
    picture[180 + gap :] = below
    for x in (92, 164):
        cv2.ellipse(picture, (x, 100), (16, 8), 0, 0, 360, 130.0 if shut else 240.0, -1)
        if not shut:
            cv2.circle(picture, (x, 100), 7, 20.0, -1)
    grey = picture.clip(0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def landmarks() -> F32:
    points = np.zeros((478, 3), np.float32)
    places = {33: (76, 100), 133: (108, 100), 362: (148, 100), 263: (180, 100), 159: (92, 92)}
    places |= {145: (92, 108), 386: (164, 92), 374: (164, 108), 13: (128, 180), 14: (128, 180)}
    for index, place in places.items():
        points[index, :2] = place
    return points


def test_the_lower_lip_is_followed_to_a_fraction_of_a_pixel() -> None:
    gaps = (0, 4, 8, 12)
    patches: F32 = np.stack([patch_of(face(gap), landmarks()) for gap in gaps])
    travel = lip_travel(patches, layout_of(landmarks()), np.array([True, False, False, False]))
    assert travel * 104 == pytest.approx(gaps, abs=1)  # the eye corners are 104 pixels apart


def test_a_shut_eye_leaves_nothing_of_the_open_one() -> None:
    patches: F32 = np.stack(
        [patch_of(face(shut=shut), landmarks()) for shut in (False, False, True)]
    )
    left = eye_left(patches, layout_of(landmarks()), np.array([True, True, False]))
    assert left == pytest.approx([1, 1, 0], abs=0.1)


def test_a_tilted_face_makes_the_same_patch() -> None:
    turn = cv2.getRotationMatrix2D((128, 128), 9, 1.0)
    turned = np.asarray(cv2.warpAffine(face(), turn, (SIZE, SIZE)), np.uint8)
    moved = landmarks()
    moved[:, :2] = moved[:, :2] @ turn[:, :2].T + turn[:, 2]
    apart = np.abs(patch_of(turned, moved) - patch_of(face(), landmarks()))[40:110, 40:90]
    assert apart.mean() < 12


def test_without_a_frame_at_rest_nothing_is_claimed() -> None:
    patches = [patch_of(face(), landmarks())]
    never = np.array([False])
    travel, left = follow(patches, [landmarks()], never, never)
    assert np.isnan(travel).all()
    assert np.isnan(left).all()


def test_a_frame_without_a_face_is_not_measured() -> None:
    patches = [patch_of(face(), landmarks()), np.full((176, 128), np.nan, np.float32)]
    travel, _ = follow(patches, [landmarks(), None], np.array([True, True]), np.array([True] * 2))
    assert np.isfinite(travel).tolist() == [True, False]
