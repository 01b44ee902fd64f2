"""Which way a head looks, from the depth of its landmarks."""

import numpy as np

from models.arrays import F32

# The network flattens heads that are turned: its own meshes, textured and turned by 20..60 degrees,
# came back at 0.6..0.8 of the angle.
YAW_GAIN = 1.3

FOREHEAD, CHIN = 10, 152
# Pairs that mirror each other and that no expression moves much.
PAIRS = ((33, 263), (127, 356), (234, 454), (93, 323), (132, 361), (54, 284), (21, 251), (162, 389))


def angles_deg(landmarks: F32) -> tuple[float, float, float]:
    """(yaw, pitch, roll) of (478, 3) landmarks, signs as in Face.

    The head's axes are the mean of lines from its left to its right and the line from forehead to
    chin, made orthogonal by the nearest rotation. That is taken apart as roll in the picture after
    yaw after pitch, so that turning the picture changes roll alone.
    """
    points = landmarks.astype(np.float64) * (1, -1, -1)  # x right, y up, z towards us
    right = np.sum([points[b] - points[a] for a, b in PAIRS], axis=0)
    up = points[FOREHEAD] - points[CHIN]
    right, up = right / np.linalg.norm(right), up / np.linalg.norm(up)
    axes = np.column_stack([right, up, np.cross(right, up)])
    left_vectors, _, right_vectors = np.linalg.svd(axes)
    rotation = left_vectors @ right_vectors
    yaw = np.clip(-YAW_GAIN * np.arcsin(np.clip(rotation[2, 0], -1, 1)), -np.pi / 2, np.pi / 2)
    pitch = np.arctan2(rotation[2, 1], rotation[2, 2])
    roll = -np.arctan2(rotation[1, 0], rotation[0, 0])
    return float(np.degrees(yaw)), float(np.degrees(pitch)), float(np.degrees(roll))
