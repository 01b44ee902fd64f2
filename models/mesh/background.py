"""What stands behind the person, laid into the canvas before it is animated."""

import cv2
import numpy as np

from models.arrays import F32, U8
from models.contracts import Background, BackgroundKind
from models.portrait.face import Picture

BLUR_SHARE = 1 / 45  # sigma of the blur, as a share of the canvas's width


def lay_background(
    person: U8, mask: U8 | None, background: Background, backdrop: Picture | None
) -> U8:
    """Canvas (H, W, 3) with the person's mask (H, W) to the canvas to animate; RGBA if transparent.

    `backdrop` is the picture for background kind `picture`. Raises ValueError where the mask or
    the backdrop that the kind needs is missing.
    """
    if background.kind is BackgroundKind.ORIGINAL:
        return person
    if mask is None:
        raise ValueError(f"background {background.kind} needs the picture's person mask as alpha")
    if background.kind is BackgroundKind.TRANSPARENT:
        return np.dstack([person, mask])
    share: F32 = mask[..., None].astype(np.float32) / np.float32(255)
    behind = _behind(person, share, background, backdrop)
    return np.asarray((behind + share * (person - behind)).round().clip(0, 255), np.uint8)


def _behind(person: U8, share: F32, background: Background, backdrop: Picture | None) -> F32:
    if background.kind is BackgroundKind.BLUR:
        return _blurred_without_person(person, share)
    if background.kind is BackgroundKind.COLOUR:
        colour = bytes.fromhex(str(background.colour).removeprefix("#"))
        return np.broadcast_to(np.array(list(colour), np.float32), person.shape)
    if backdrop is None:
        raise ValueError("background picture needs the backdrop's pixels")
    return _cover(backdrop.rgb, person.shape[1], person.shape[0]).astype(np.float32)


def _blurred_without_person(person: U8, share: F32) -> F32:
    """The surroundings out of focus; the person's own colours do not bleed into them."""
    sigma = person.shape[1] * BLUR_SHARE
    weight = (1 - share[..., 0]).clip(0, 1) ** 2 + 1e-4
    summed = cv2.GaussianBlur(person * weight[..., None], (0, 0), sigma)
    return np.asarray(summed / cv2.GaussianBlur(weight, (0, 0), sigma)[..., None], np.float32)


def _cover(picture: U8, width: int, height: int) -> U8:
    """Scaled and cropped to fill the canvas."""
    scale = max(width / picture.shape[1], height / picture.shape[0])
    size = (
        max(width, round(picture.shape[1] * scale)),
        max(height, round(picture.shape[0] * scale)),
    )
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    filled = cv2.resize(picture, size, interpolation=method)
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    return np.asarray(filled[top : top + height, left : left + width], np.uint8)
