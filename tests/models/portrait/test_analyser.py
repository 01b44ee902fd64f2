from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

from models.arrays import F32, U8
from models.errors import MissingModels
from models.portrait.analyser import FaceAnalyser
from models.portrait.face import Face, Picture

# What MediaPipe 0.10.21's own FaceMesh with refined landmarks says about the photograph, pixels.
# It looks once at a square from another detector, so that a pixel or two lie between us.
MEDIAPIPE = {
    1: (223.4, 130.0, -22.9),
    10: (226.3, 71.7, -10.6),
    13: (223.5, 143.2, -5.7),
    14: (223.0, 150.1, -3.4),
    33: (195.2, 100.9, 4.5),
    61: (201.8, 139.2, 7.5),
    152: (221.3, 177.4, 7.5),
    234: (179.4, 110.0, 41.3),
    263: (255.8, 104.3, 4.0),
    291: (245.0, 141.0, 7.1),
    454: (270.2, 115.5, 40.3),
    468: (203.5, 101.1, 0.9),
    473: (246.6, 103.5, 0.5),
}
EYE_DISTANCE = 61.0  # pixels, of the same photograph


def picture(rgb: U8) -> Picture:
    return Picture(np.ascontiguousarray(rgb), None, "test.png", "0" * 64)


def moved(photo: Picture, matrix: F32, size: tuple[int, int]) -> Picture:
    gray = (120, 120, 120)
    warped = cv2.warpAffine(photo.rgb, matrix, size, flags=cv2.INTER_CUBIC, borderValue=gray)
    return picture(np.asarray(warped, np.uint8))


def distance(found: Face, expected: F32) -> float:
    """Root mean square over all landmarks, in pixels."""
    offsets = found.landmarks[:, :2] - expected[:, :2]
    return float(np.sqrt(np.square(offsets).sum(axis=1).mean()))


def test_landmarks_agree_with_mediapipe(face: Face) -> None:
    found = face.landmarks[list(MEDIAPIPE)]
    expected = np.array(list(MEDIAPIPE.values()))
    offsets = np.abs(found - expected)
    assert offsets[:, :2].mean() < 1
    assert offsets.max() < 5


def test_the_astronaut_is_frontal_and_certain(face: Face) -> None:
    assert face.presence > 0.99
    assert face.confidence > 0.8
    assert abs(face.yaw_deg) < 6
    assert abs(face.roll_deg) < 6


@pytest.mark.parametrize("degrees", [20, 45, 90, 135, 180, 200, 270, 330])
def test_a_turned_picture_has_the_same_landmarks_turned(
    analyser: FaceAnalyser, photo: Picture, face: Face, degrees: int
) -> None:
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = np.column_stack([turn, np.full(2, 362) - turn @ np.full(2, 256)])
    found = analyser.faces(moved(photo, matrix.astype(np.float32), (724, 724)))[0]
    expected = face.landmarks[:, :2] @ turn.T + matrix[:, 2]
    assert distance(found, expected) < 0.03 * EYE_DISTANCE
    turned = (found.roll_deg - face.roll_deg - degrees + 180) % 360 - 180
    assert abs(turned) < 3
    assert abs(found.yaw_deg - face.yaw_deg) < 6


@pytest.mark.parametrize("scale", [0.5, 2.0, 3.5])
def test_a_scaled_picture_has_the_same_landmarks_scaled(
    analyser: FaceAnalyser, photo: Picture, face: Face, scale: float
) -> None:
    side = round(512 * scale)
    rgb = cv2.resize(photo.rgb, (side, side), interpolation=cv2.INTER_AREA)
    found = analyser.faces(picture(np.asarray(rgb, np.uint8)))[0]
    expected = (face.landmarks + 0.5) * scale - 0.5
    assert distance(found, expected) < 0.03 * EYE_DISTANCE * scale


def test_a_mirrored_picture_has_mirrored_eyes(
    analyser: FaceAnalyser, photo: Picture, face: Face
) -> None:
    (found,) = analyser.faces(picture(photo.rgb[:, ::-1]))
    for one, other in ((33, 263), (61, 291), (468, 473), (10, 10), (152, 152)):
        mirrored = np.array([511, 0]) + face.landmarks[other, :2] * (-1, 1)
        assert np.abs(found.landmarks[one, :2] - mirrored).max() < 0.05 * EYE_DISTANCE
    assert found.roll_deg == pytest.approx(-face.roll_deg, abs=3)


def test_faces_come_largest_first(analyser: FaceAnalyser, photo: Picture) -> None:
    small = np.asarray(cv2.resize(photo.rgb, None, fx=0.6, fy=0.6), np.uint8)
    collage = np.full((512, 820, 3), 120, np.uint8)
    collage[: small.shape[0], : small.shape[1]] = small
    collage[:, 308:] = photo.rgb
    large, little = analyser.faces(picture(collage))
    assert large.landmarks[1, 0] > 308 > little.landmarks[1, 0]
    assert np.ptp(little.landmarks[:, 1]) == pytest.approx(
        0.6 * np.ptp(large.landmarks[:, 1]), rel=0.05
    )


def test_a_face_too_small_for_the_whole_picture_is_found_in_its_parts(
    analyser: FaceAnalyser, photo: Picture, face: Face
) -> None:
    crowd = np.full((2048, 2048, 3), 120, np.uint8)
    crowd[900:1412, 700:1212] = photo.rgb
    (found,) = analyser.faces(picture(crowd))
    assert (
        distance(found, face.landmarks[:, :2] + np.array([700, 900], np.float32))
        < 0.05 * EYE_DISTANCE
    )


def test_a_face_that_fills_the_picture_is_found(
    analyser: FaceAnalyser, photo: Picture, face: Face
) -> None:
    rgb = np.asarray(cv2.resize(photo.rgb[60:185, 170:280], None, fx=4, fy=4), np.uint8)
    found = analyser.faces(picture(rgb))[0]
    expected = (face.landmarks[:, :2] - np.array([170, 60], np.float32) + 0.5) * 4 - 0.5
    assert distance(found, expected) < 0.05 * EYE_DISTANCE * 4


@pytest.mark.parametrize("name", ["coffee", "rocket", "coins", "moon", "brick", "retina"])
def test_things_have_no_human_face(analyser: FaceAnalyser, name: str) -> None:
    image = np.asarray(getattr(skimage.data, name)(), np.uint8)
    rgb = np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image
    assert not [found for found in analyser.faces(picture(rgb)) if found.presence >= 0.5]


@pytest.mark.parametrize("shape", [(1, 1), (2, 300), (300, 2), (64, 64)])
def test_a_black_picture_has_no_face(analyser: FaceAnalyser, shape: tuple[int, int]) -> None:
    assert analyser.faces(picture(np.zeros((*shape, 3), np.uint8))) == []


def test_the_same_picture_gives_the_same_faces(
    analyser: FaceAnalyser, photo: Picture, face: Face
) -> None:
    (again,) = analyser.faces(photo)
    assert np.array_equal(again.landmarks, face.landmarks)


def test_a_known_face_is_followed_without_detection(
    analyser: FaceAnalyser, photo: Picture, face: Face
) -> None:
    nearby = face.landmarks + np.array([4, -3, 0], np.float32)
    followed = analyser.landmarks(photo.rgb, nearby)
    assert followed is not None
    assert distance(followed, face.landmarks) < 0.03 * EYE_DISTANCE


def test_without_a_known_face_the_largest_is_searched(
    analyser: FaceAnalyser, photo: Picture, face: Face
) -> None:
    found = analyser.landmarks(photo.rgb)
    assert found is not None
    assert np.array_equal(found.landmarks, face.landmarks)


def test_a_lost_face_is_none(analyser: FaceAnalyser, face: Face) -> None:
    assert analyser.landmarks(np.zeros((512, 512, 3), np.uint8), face.landmarks) is None
    assert analyser.landmarks(np.zeros((512, 512, 3), np.uint8)) is None


def test_missing_models_are_named_when_first_needed(tmp_path: Path, photo: Picture) -> None:
    empty = FaceAnalyser(tmp_path)
    with pytest.raises(MissingModels, match="make setup"):
        empty.faces(replace(photo))
