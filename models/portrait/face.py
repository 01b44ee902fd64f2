"""A decoded picture and the faces in it."""

from dataclasses import dataclass

from models.arrays import F32, U8


@dataclass(frozen=True)
class Picture:
    """An upright sRGB picture."""

    rgb: U8  # (H, W, 3)
    alpha: U8 | None  # (H, W), None where the file had none
    name: str  # for messages only
    sha256: str  # of the file's bytes

    @property
    def size(self) -> tuple[int, int]:
        return self.rgb.shape[1], self.rgb.shape[0]


@dataclass(frozen=True)
class Face:
    """One face: 478 landmarks of the face mesh in pixels of the picture; z grows away from us."""

    landmarks: F32  # (478, 3)
    confidence: float  # of the detector, 0..1
    presence: float  # the landmark model's face flag, 0..1
    yaw_deg: float  # > 0: the nose points to the picture's right
    pitch_deg: float  # > 0: the nose points down
    roll_deg: float  # > 0: clockwise in the picture

    @property
    def box(self) -> tuple[float, float, float, float]:
        """(left, top, right, bottom) from hair to chin: the mesh ends a quarter below the hair."""
        left, top = self.landmarks[:, :2].min(axis=0)
        right, bottom = self.landmarks[:, :2].max(axis=0)
        return float(left), float(top - 0.25 * (bottom - top)), float(right), float(bottom)
