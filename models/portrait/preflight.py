"""Whether a picture makes a good video: every face described, one chosen or all refused."""

from collections.abc import Iterator

import numpy as np

from models.contracts import MAX_FACE_TURN_DEG, MIN_FACE_PX, FaceReport, PortraitReport
from models.errors import (
    FaceBlurred,
    FaceIndexOutOfRange,
    FaceTooSmall,
    FaceTurned,
    NoFaceFound,
    NotAHuman,
    PortraitError,
)
from models.portrait.analyser import PRESENT, FaceAnalyser
from models.portrait.face import Face, Picture
from models.portrait.measure import (
    Cutout,
    brightness,
    cut_out,
    eyes,
    mouth,
    mouth_detail,
    sharpness,
)

MIN_SHARPNESS = 0.35  # see measure.sharpness
SOFT_SHARPNESS = 0.42
GOOD_FACE_PX = 200
GOOD_TURN_DEG = 20.0
GOOD_TILT_DEG = 25.0
DARK, BRIGHT = 40, 235  # gray values of skin
MOUTH_DETAIL = 0.25  # see measure.mouth_detail


def preflight(
    picture: Picture, analyser: FaceAnalyser, face_index: int | None = None
) -> PortraitReport:
    """Find the faces and report on them. Raises PortraitError where none of them will do."""
    faces = analyser.faces(picture)
    choose(picture, faces, face_index)
    return inspect(picture, faces, face_index)


def choose(picture: Picture, faces: list[Face], face_index: int | None = None) -> Face:
    """The face that speaks: the one asked for, else the largest. Raises PortraitError."""
    if not faces:
        raise NoFaceFound(
            f"no face in {picture.name}: use a frontal photo with a face "
            f"at least {MIN_FACE_PX} px high"
        )
    index = face_index or 0
    if index >= len(faces):
        raise FaceIndexOutOfRange(
            f"face {index} of {picture.name} does not exist: "
            f"it shows {len(faces)}, so use 0 to {len(faces) - 1}"
        )
    reason = refusal(picture, faces[index])
    if reason:
        raise reason
    return faces[index]


def inspect(picture: Picture, faces: list[Face], face_index: int | None = None) -> PortraitReport:
    """What there is to say about every face, also about those that `choose` refuses."""
    chosen = face_index or 0
    return PortraitReport(
        width=picture.size[0],
        height=picture.size[1],
        faces=tuple(_report(picture, index, face) for index, face in enumerate(faces)),
        chosen=chosen if chosen < len(faces) else -1,
        warnings=tuple(_picture_warnings(faces, face_index)),
    )


def refusal(picture: Picture, face: Face) -> PortraitError | None:
    """Why this face cannot speak, None if it can."""
    name, height = picture.name, _height(face)
    if face.presence < PRESENT:
        return NotAHuman(f"what looks like a face in {name} is no human one: use a person's photo")
    if height < MIN_FACE_PX:
        return FaceTooSmall(
            f"the face in {name} is {height:.0f} px high: "
            f"use a larger picture or crop, at least {MIN_FACE_PX} px from hair to chin"
        )
    turn = max(abs(face.yaw_deg), abs(face.pitch_deg))
    if turn > MAX_FACE_TURN_DEG:
        return FaceTurned(
            f"the face in {name} is turned away by {turn:.0f} degrees: "
            f"use a photo within {MAX_FACE_TURN_DEG:.0f} degrees of frontal"
        )
    sharp = sharpness(cut_out(picture.rgb, face.landmarks))
    if sharp < MIN_SHARPNESS:
        return FaceBlurred(
            f"the face in {name} is blurred (sharpness {sharp:.2f}): "
            f"use a photo in focus, at least {MIN_SHARPNESS:.2f}"
        )
    return None


def _report(picture: Picture, index: int, face: Face) -> FaceReport:
    cutout = cut_out(picture.rgb, face.landmarks)
    reason = refusal(picture, face)
    return FaceReport(
        index=index,
        box=face.box,
        confidence=face.confidence,
        height_px=_height(face),
        yaw_deg=face.yaw_deg,
        pitch_deg=face.pitch_deg,
        roll_deg=face.roll_deg,
        sharpness=sharpness(cutout),
        eyes=eyes(face.landmarks),
        mouth=mouth(cutout),
        warnings=(str(reason),) if reason else tuple(_face_warnings(picture, face, cutout)),
    )


def _face_warnings(picture: Picture, face: Face, cutout: Cutout) -> Iterator[str]:
    if _height(face) < GOOD_FACE_PX:
        yield f"low resolution: the face is {_height(face):.0f} px high, {GOOD_FACE_PX} is better"
    if abs(face.yaw_deg) > GOOD_TURN_DEG:
        yield f"three-quarter view: the head is turned by {abs(face.yaw_deg):.0f} degrees"
    if abs(face.pitch_deg) > GOOD_TILT_DEG:
        direction = "down" if face.pitch_deg > 0 else "up"
        yield f"the head looks {direction} by {abs(face.pitch_deg):.0f} degrees"
    if sharpness(cutout) < SOFT_SHARPNESS:
        yield "the face is a little out of focus"
    yield from _expression_warnings(face, cutout)
    limit = np.array(picture.size)
    outside = (face.landmarks[:, :2] < 0) | (face.landmarks[:, :2] > limit - 1)
    if outside.any(axis=1).mean() > 0.02:
        yield "the face is cut off at the picture's edge"
    if not DARK <= brightness(cutout) <= BRIGHT:
        yield "the face is badly lit: too dark or too bright for its features to show"


def _expression_warnings(face: Face, cutout: Cutout) -> Iterator[str]:
    lids = eyes(face.landmarks)
    if lids != "open":
        yield f"the eyes are {lids if lids == 'closed' else 'half closed'}: blinks will not show"
    lips = mouth(cutout)
    if lips == "smiling with teeth":
        yield "a toothy smile: a closed mouth gives the more natural lips"
    if lips == "open":
        yield "the mouth is open: a closed mouth gives the more natural lips"
    if mouth_detail(cutout) < MOUTH_DETAIL:
        yield "the mouth seems hidden: a hand, mask or microphone will not move with the lips"


def _picture_warnings(faces: list[Face], face_index: int | None) -> Iterator[str]:
    if len(faces) > 1 and face_index is None:
        yield f"{len(faces)} faces: the largest speaks, face_index chooses another"


def _height(face: Face) -> float:
    _, top, _, bottom = face.box
    return bottom - top
