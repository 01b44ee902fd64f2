"""A face as preflight would report it, for tests in which nobody looks at a picture."""

from models.contracts import FaceReport

Box = tuple[float, float, float, float]  # left, top, right, bottom


def face(index: int = 0, box: Box = (0, 0, 300, 300)) -> FaceReport:
    return FaceReport(
        index=index,
        box=box,
        confidence=0.99,
        height_px=box[3] - box[1],
        yaw_deg=0,
        pitch_deg=0,
        roll_deg=0,
        sharpness=1,
        eyes="open",
        mouth="closed",
    )
