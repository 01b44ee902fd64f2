"""Frames a portrait: chooses the crop, turns the head upright, keeps spare pixels."""

from dataclasses import dataclass

import cv2
import numpy as np

from models.arrays import F32, F64, U8, Bool
from models.contracts import Look
from models.mesh.background import lay_background
from models.portrait.face import Face, Picture

SUPERSAMPLING = 2  # bilinear sampling of a picture twice as fine loses nothing that shows
UPRIGHT_ABOVE_DEG = 12.0  # a lesser tilt is the sitter's own and stays
FACE_SHARE = 0.46  # height of the face mesh, as a share of the frame's short side
FACE_SHARE_LIMIT = 0.68  # rather than a bigger face, the picture is extended beyond its edge
FACE_CENTRE = 0.47  # of the frame's height
BARELY_ALL = 0.985  # of a frame within the picture: the rest is mirrored, and nobody sees it
EDGE_SHARE = 0.05  # of the frame's width, over which a picture's edge goes out of focus
SHARPEN_ABOVE = 1.3  # enlargement from which a little sharpening hides the softness


@dataclass(frozen=True)
class Canvas:
    """The portrait as the video frames it."""

    pixels: U8  # (2H, 2W, 3 or 4): SUPERSAMPLING pixels a frame pixel
    landmarks: F32  # (478, 3) in frame pixels
    size: tuple[int, int]  # (W, H) of the frame

    @property
    def rgb(self) -> U8:
        return np.ascontiguousarray(self.pixels[..., :3])


def frame_portrait(
    picture: Picture, face: Face, look: Look, backdrop: Picture | None = None
) -> Canvas:
    """Crop, turn and scale `picture` to the look's frames and lay its background."""
    size = look.size
    transform = _similarity(picture.size, face, size)
    person = warp_to_frame(picture.rgb, transform, size)
    mask = None if picture.alpha is None else mask_to_frame(picture.alpha, transform, size)
    return Canvas(
        pixels=lay_background(person, mask, look.background, backdrop),
        landmarks=_move(face.landmarks, transform),
        size=size,
    )


def warp_to_frame(image: U8, transform: F64, size: tuple[int, int]) -> U8:
    """`image` in frame coordinates at SUPERSAMPLING; (h, w, 3) to (2H, 2W, 3)."""
    scale = float(np.hypot(*transform[:, 0]))
    image, fine = _averaged(image, _fine(transform), scale * SUPERSAMPLING)
    target = (size[0] * SUPERSAMPLING, size[1] * SUPERSAMPLING)
    mirrored = cv2.BORDER_REFLECT_101
    warped = cv2.warpAffine(image, fine, target, flags=cv2.INTER_CUBIC, borderMode=mirrored)
    if scale > SHARPEN_ABOVE:
        blurred = cv2.GaussianBlur(warped, (0, 0), 1.2 * scale)
        warped = cv2.addWeighted(warped, 1.25, blurred, -0.25, 0)
    inside = cv2.warpAffine(np.full(image.shape[:2], 255, np.uint8), fine, target)
    pixels = np.asarray(warped, np.uint8)
    within = np.asarray(inside == 255)
    return pixels if within.mean() > BARELY_ALL else _soften_outside(pixels, within)


def mask_to_frame(mask: U8, transform: F64, size: tuple[int, int]) -> U8:
    """A mask (h, w) in frame coordinates at SUPERSAMPLING; nothing beyond the picture's edge."""
    scale = float(np.hypot(*transform[:, 0]))
    mask, fine = _averaged(mask, _fine(transform), scale * SUPERSAMPLING)
    target = (size[0] * SUPERSAMPLING, size[1] * SUPERSAMPLING)
    return np.asarray(cv2.warpAffine(mask, fine, target, flags=cv2.INTER_LINEAR), np.uint8)


def _averaged(image: U8, fine: F64, scale: float) -> tuple[U8, F64]:
    """Make a too large picture smaller by averaging first: a warp alone would alias."""
    if scale >= 1:
        return image, fine
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    linear = fine[:, :2] / scale
    shift = fine[:, 2] + linear @ np.full(2, 0.5) * (1 - scale)  # pixel centres stay centres
    return np.asarray(small, np.uint8), np.column_stack([linear, shift])


def _similarity(picture_size: tuple[int, int], face: Face, size: tuple[int, int]) -> F64:
    points = face.landmarks[:, :2].astype(np.float64)
    angle = -face.roll_deg if abs(face.roll_deg) > UPRIGHT_ABOVE_DEG else 0.0
    turned = points @ _rotation(angle).T
    low, high = turned.min(axis=0), turned.max(axis=0)
    short = min(size)
    wanted = FACE_SHARE * short / (high[1] - low[1])
    limit = FACE_SHARE_LIMIT * short / (high[1] - low[1])
    fits = max(size[0] / picture_size[0], size[1] / picture_size[1])
    scale = min(max(wanted, fits), max(limit, wanted))
    linear = scale * _rotation(angle)
    share = FACE_CENTRE if size[1] <= size[0] else FACE_CENTRE * 0.9
    shift = np.array([0.5 * size[0], share * size[1]]) - scale * (low + high) / 2
    if angle == 0.0:
        shift = _keep_inside(shift, scale, picture_size, size)
    return np.hstack([linear, shift[:, None]])


def _keep_inside(shift: F64, scale: float, picture: tuple[int, int], size: tuple[int, int]) -> F64:
    """Move the crop inside the picture where it is large enough, else centre the picture."""
    kept = shift.copy()
    for axis in (0, 1):
        slack = size[axis] - scale * picture[axis]
        kept[axis] = slack / 2 if slack > 0 else np.clip(shift[axis], slack, 0.0)
    return kept


def _rotation(degrees: float) -> F64:
    radians = np.deg2rad(degrees)
    return np.array([[np.cos(radians), -np.sin(radians)], [np.sin(radians), np.cos(radians)]])


def _fine(transform: F64) -> F64:
    """The same transform to the supersampled canvas; pixel centres stay pixel centres."""
    half = (SUPERSAMPLING - 1) / 2
    fine = transform * SUPERSAMPLING
    fine[:, 2] += half
    return fine


def _move(landmarks: F32, transform: F64) -> F32:
    scale = float(np.hypot(*transform[:, 0]))
    flat = landmarks[:, :2] @ transform[:, :2].T + transform[:, 2]
    return np.column_stack([flat, landmarks[:, 2] * scale]).astype(np.float32)


def _soften_outside(warped: U8, inside: Bool) -> U8:
    """Beyond the picture's edge its mirror image, out of focus, without a line between them."""
    blurred = cv2.GaussianBlur(warped, (0, 0), warped.shape[1] / 40)
    depth = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, 3)
    share = np.clip(depth / (EDGE_SHARE * warped.shape[1]), 0, 1)[..., None]
    share = share * share * (3 - 2 * share)
    return np.asarray((blurred + share * (warped.astype(np.float32) - blurred)).round(), np.uint8)
