"""From a picture to its faces."""

from functools import cached_property
from pathlib import Path

import numpy as np

from models.arrays import F32, U8
from models.assets import face_model_path
from models.portrait.detect import Detection, full_range, overlap, short_range
from models.portrait.face import Face, Picture
from models.portrait.interpreter import Network, load_network
from models.portrait.landmarks import find_landmarks, region_of_detection, region_of_landmarks
from models.portrait.pose import angles_deg
from models.portrait.search import Detectors, views

PRESENT = 0.5  # the landmark model's face flag: below it, this is no human face


class FaceAnalyser:
    """Loads its networks when first used; they are shared by the whole process."""

    def __init__(self, cache: Path) -> None:
        """`cache` is the folder that `python -m models.assets` fills."""
        self._cache = cache

    def faces(self, picture: Picture) -> list[Face]:
        """Every face, the largest first; what the landmark model holds for no face comes last."""
        found = self._faces(picture.rgb)
        return sorted(found, key=lambda face: (face.presence < PRESENT, -_height(face)))

    def landmarks(self, rgb: U8, previous: F32 | None = None) -> Face | None:
        """The face near `previous` landmarks (478, 3), one pass: the fast path for video frames.

        Without `previous` the largest face is searched for. None where there is no face.
        """
        if previous is None:
            found = [face for face in self._faces(rgb) if face.presence >= PRESENT]
            return max(found, key=_height, default=None)
        points, presence = find_landmarks(self._mesh, rgb, region_of_landmarks(previous))
        return _face(points, presence, presence) if presence >= PRESENT else None

    @cached_property
    def _mesh(self) -> Network:
        return self._load("face_landmark_with_attention")

    @cached_property
    def _detectors(self) -> Detectors:
        return Detectors(
            first=full_range(self._load("face_detection_full_range_sparse")),
            second=short_range(self._load("face_detection_short_range")),
        )

    def _load(self, name: str) -> Network:
        return load_network(face_model_path(self._cache, name))

    def _faces(self, rgb: U8) -> list[Face]:
        """Those of the first view that shows a human face, else those of the likeliest view."""
        likeliest: list[Face] = []
        for view in views(self._detectors, rgb):
            faces = _without_doubles([self._measure(rgb, detection) for detection in view.faces])
            if any(face.presence >= PRESENT for face in faces):
                return faces
            likeliest = likeliest or faces
        return likeliest

    def _measure(self, rgb: U8, detection: Detection) -> Face:
        """Two passes: the detector's square is often off, the one around the landmarks is not."""
        points, _ = find_landmarks(self._mesh, rgb, region_of_detection(detection))
        points, presence = find_landmarks(self._mesh, rgb, region_of_landmarks(points))
        return _face(points, presence, detection.score)


def _face(points: F32, presence: float, confidence: float) -> Face:
    return Face(points, confidence, presence, *angles_deg(points))


def _height(face: Face) -> float:
    return float(np.ptp(face.landmarks[:, 1]))


def _without_doubles(faces: list[Face]) -> list[Face]:
    """Two detections may end on the same face; the one that came first, the surer one, stays."""
    kept: list[Face] = []
    for face in faces:
        boxes = [np.reshape(other.box, (2, 2)) for other in kept]
        if not boxes or overlap(np.reshape(face.box, (2, 2)), np.stack(boxes)).max() < 0.3:
            kept.append(face)
    return kept
