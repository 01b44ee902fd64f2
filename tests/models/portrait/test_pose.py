import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from models.arrays import F32
from models.portrait.face import Face
from models.portrait.pose import YAW_GAIN, angles_deg


def turned(face: Face, axes: str, degrees: float) -> F32:
    """The landmarks turned in space; x right, y down, z away from us."""
    middle = face.landmarks.mean(axis=0)
    rotation = Rotation.from_euler(axes, degrees, degrees=True)
    return np.asarray(rotation.apply(face.landmarks - middle) + middle, np.float32)


@pytest.mark.parametrize("degrees", [-150, -60, 15, 90, 170])
def test_turning_the_picture_clockwise_changes_roll_alone(face: Face, degrees: float) -> None:
    yaw, pitch, roll = angles_deg(turned(face, "z", degrees))
    assert (roll - face.roll_deg - degrees + 180) % 360 - 180 == pytest.approx(0, abs=0.1)
    assert (yaw, pitch) == pytest.approx((face.yaw_deg, face.pitch_deg), abs=0.1)


@pytest.mark.parametrize("degrees", [-30, 30])
def test_yaw_grows_as_the_nose_goes_right(face: Face, degrees: float) -> None:
    landmarks = turned(face, "y", degrees)
    nose_went = landmarks[1, 0] - landmarks[[234, 454], 0].mean()
    yaw, _, _ = angles_deg(landmarks)
    assert np.sign(yaw) == np.sign(nose_went)
    assert abs(yaw - face.yaw_deg) == pytest.approx(30 * YAW_GAIN, rel=0.1)


@pytest.mark.parametrize("degrees", [-25, 25])
def test_pitch_grows_as_the_nose_goes_down(face: Face, degrees: float) -> None:
    landmarks = turned(face, "x", degrees)
    nose_goes = landmarks[1, 1] - face.landmarks[1, 1]
    _, pitch, _ = angles_deg(landmarks)
    assert np.sign(pitch - face.pitch_deg) == np.sign(nose_goes)
    assert abs(pitch - face.pitch_deg) == pytest.approx(25, abs=2)
