import cv2
import numpy as np
import pytest

from models.arrays import F32, U8
from models.portrait import topology
from models.portrait.face import Face, Picture
from models.portrait.measure import (
    EYE_DISTANCE,
    cut_out,
    eye_distance,
    eyes,
    mouth,
    mouth_detail,
    sharpness,
)
from models.portrait.preflight import MIN_SHARPNESS, MOUTH_DETAIL


def blurred(picture: Picture, sigma: float) -> U8:
    return np.asarray(cv2.GaussianBlur(picture.rgb, (0, 0), sigma), np.uint8)


def sharpness_of(rgb: U8, landmarks: F32) -> float:
    return sharpness(cut_out(rgb, landmarks))


def lids_moved(face: Face, share: float) -> F32:
    """Upper lids on their way down to the lower ones."""
    landmarks = face.landmarks.copy()
    for upper, lower in (
        (topology.LEFT_LID_UPPER, topology.LEFT_LID_LOWER),
        (topology.RIGHT_LID_UPPER, topology.RIGHT_LID_LOWER),
    ):
        down = landmarks[list(lower)] - landmarks[list(upper)]
        landmarks[list(upper)] += share * down
    return landmarks


def covered(picture: Picture, face: Face, colour: tuple[int, int, int]) -> U8:
    """Something of one colour over nose tip, mouth and chin."""
    rgb = picture.rgb.copy()
    ring = np.round(face.landmarks[[*topology.JAW_LINE, 1], :2]).astype(np.int32)
    cv2.fillPoly(rgb, [cv2.convexHull(ring)], colour)
    return np.asarray(cv2.GaussianBlur(rgb, (3, 3), 0), np.uint8)


def test_a_cut_out_is_upright_and_holds_the_face(photo: Picture, face: Face) -> None:
    cutout = cut_out(photo.rgb, face.landmarks)
    left, right = cutout.points[[topology.LEFT_EYE_OUTER, topology.RIGHT_EYE_OUTER]]
    assert left[1] == pytest.approx(right[1], abs=0.01)
    assert cutout.points[:, :2].min() >= -0.01
    assert (cutout.points.max(axis=0) <= np.array(cutout.rgb.shape[1::-1])).all()


def test_a_large_face_is_reduced_and_a_small_one_not_enlarged(photo: Picture, face: Face) -> None:
    large = cv2.resize(photo.rgb, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    reduced = cut_out(np.asarray(large, np.uint8), face.landmarks * 3)
    assert eye_distance(reduced.points) == pytest.approx(EYE_DISTANCE, rel=0.02)
    small = cut_out(photo.rgb, face.landmarks)
    assert eye_distance(small.points) == pytest.approx(eye_distance(face.landmarks), rel=0.02)


def test_sharpness_falls_with_blur(photo: Picture, face: Face) -> None:
    values = [sharpness_of(photo.rgb, face.landmarks)]
    values += [sharpness_of(blurred(photo, sigma), face.landmarks) for sigma in (0.6, 1.2, 2.4)]
    assert values == sorted(values, reverse=True)
    assert values[0] > 0.5
    assert values[-1] < MIN_SHARPNESS


@pytest.mark.parametrize("shape", [(1, 11), (11, 1)])
def test_motion_in_one_direction_is_blur(
    photo: Picture, face: Face, shape: tuple[int, int]
) -> None:
    moved = np.asarray(cv2.blur(photo.rgb, shape), np.uint8)
    assert sharpness_of(moved, face.landmarks) < MIN_SHARPNESS


def test_sharpness_hardly_depends_on_size_or_angle(photo: Picture, face: Face) -> None:
    sharp = sharpness_of(photo.rgb, face.landmarks)
    half = cv2.resize(photo.rgb, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    assert sharpness_of(
        np.asarray(half, np.uint8), face.landmarks * np.float32(0.5)
    ) == pytest.approx(sharp, abs=0.1)
    turn = cv2.getRotationMatrix2D((256, 256), 30, 1)
    turned = cv2.warpAffine(photo.rgb, turn, (512, 512), flags=cv2.INTER_CUBIC)
    landmarks = (face.landmarks[:, :2] @ turn[:, :2].T + turn[:, 2]).astype(np.float32)
    assert sharpness_of(np.asarray(turned, np.uint8), landmarks) == pytest.approx(sharp, abs=0.1)


@pytest.mark.parametrize(("share", "expected"), [(0, "open"), (0.6, "half"), (0.9, "closed")])
def test_eyes_close_with_their_lids(face: Face, share: float, expected: str) -> None:
    assert eyes(lids_moved(face, share)) == expected


def test_one_open_eye_is_enough(face: Face) -> None:
    landmarks = lids_moved(face, 0.95)
    right = [*topology.RIGHT_LID_UPPER, *topology.RIGHT_LID_LOWER]
    landmarks[right] = face.landmarks[right]
    assert eyes(landmarks) == "open"


def test_a_smile_shows_teeth(photo: Picture, face: Face) -> None:
    assert mouth(cut_out(photo.rgb, face.landmarks)) == "smiling with teeth"


def test_an_open_mouth_without_teeth_is_open(photo: Picture, face: Face) -> None:
    rgb = photo.rgb.copy()
    ring = [*topology.LIP_UPPER_INNER, *topology.LIP_LOWER_INNER[::-1]]
    cv2.fillPoly(rgb, [np.round(face.landmarks[ring, :2]).astype(np.int32)], (60, 15, 15))
    assert mouth(cut_out(rgb, face.landmarks)) == "open"


def test_lips_that_touch_are_a_closed_mouth(photo: Picture, face: Face) -> None:
    landmarks = face.landmarks.copy()
    landmarks[list(topology.LIP_LOWER_INNER)] = landmarks[list(topology.LIP_UPPER_INNER)]
    assert mouth(cut_out(photo.rgb, landmarks)) == "closed"


@pytest.mark.parametrize("colour", [(240, 240, 240), (30, 30, 32), (120, 170, 210)])
def test_a_mask_hides_the_mouth(photo: Picture, face: Face, colour: tuple[int, int, int]) -> None:
    assert mouth_detail(cut_out(photo.rgb, face.landmarks)) > 2 * MOUTH_DETAIL
    masked = covered(photo, face, colour)
    assert mouth_detail(cut_out(masked, face.landmarks)) < MOUTH_DETAIL
