"""From a hard outline to soft hair: how much of each pixel is person, and of which colour.

Sources: the colour guided filter (He, Sun, Tang 2010) with its coefficients at a smaller size (He,
Sun 2015), and blur fusion of the foreground (Forte 2021).
"""

import cv2
import numpy as np

from models.arrays import F32, U8, Bool

WORK_SIDE = 512  # pixels: filters run at this size, their coefficients are smooth
SMOOTHNESS = 1e-4  # the guided filter's epsilon, colours 0..1
CONTRAST = 0.02  # squared colour distance at which colours count as much as the filter


def soften(rgb: U8, inside: Bool) -> F32:
    """(H, W, 3) and a hard mask of any size -> (H, W) 0..1, soft across the outline only."""
    image = _unit(shrink(rgb, WORK_SIDE))
    size, full_size = (image.shape[1], image.shape[0]), (rgb.shape[1], rgb.shape[0])
    reach = max(2, round(max(size) / 64))
    outline = cv2.resize(inside.astype(np.float32), size, interpolation=cv2.INTER_CUBIC)
    hard = np.asarray(outline > 0.5, np.float32)
    near = _blur(hard, reach / 2)

    slope, offset = _guided(image, _blur(hard, 1.2), reach)
    person, ground, trust = _colours_of_both_sides(image, near, 2 * reach)
    maps = (slope, offset, person, ground, _blur(trust, reach / 2), near)
    slope, offset, person, ground, trust, near = (_enlarge(map_, full_size) for map_ in maps)

    picture = _unit(rgb)
    guided = np.clip((slope * picture).sum(axis=2) + offset, 0, 1)
    alpha = guided + trust * (_share(picture, person, ground) - guided)
    limited: F32 = np.clip(alpha, np.clip(3 * near - 2, 0, 1), np.clip(3 * near, 0, 1))
    return limited


def shrink(rgb: U8, side: int) -> U8:
    """At most `side` pixels long."""
    scale = side / max(rgb.shape[:2])
    if scale >= 1:
        return rgb
    size = (max(round(rgb.shape[1] * scale), 1), max(round(rgb.shape[0] * scale), 1))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)


def foreground(rgb: U8, mask: F32) -> U8:
    """(H, W, 3) the person's own colours, where hair lets the old background through.

    Put it in front of another with `mask`: mask * foreground + (1 - mask) * background.
    """
    picture, alpha = _unit(rgb), mask[..., None]
    front, back = picture, picture
    wide = max(8, max(mask.shape) // 24)
    for radius in (wide, max(2, wide // 8)):
        front_mean = _box(front * alpha, radius) / (_box(mask, radius)[..., None] + 1e-5)
        back = _box(back * (1 - alpha), radius) / (_box(1 - mask, radius)[..., None] + 1e-5)
        residue = picture - alpha * front_mean - (1 - alpha) * back
        front = np.clip(front_mean + alpha * residue, 0, 1)
    return np.asarray((front * 255).round(), np.uint8)


def _guided(image: F32, mask: F32, radius: int) -> tuple[F32, F32]:
    """Slope (H, W, 3) and offset (H, W) of the locally linear fit mask = slope . image + offset."""
    mean, mask_mean = _box(image, radius), _box(mask, radius)
    products = image[..., :, None] * image[..., None, :]
    flat = products.reshape(*mask.shape, 9)
    covariance = (
        _box(flat, radius).reshape(products.shape) - mean[..., :, None] * mean[..., None, :]
    )
    cross = _box(image * mask[..., None], radius) - mean * mask_mean[..., None]
    damped: F32 = covariance + np.float32(SMOOTHNESS) * np.eye(3, dtype=np.float32)
    slope = np.linalg.solve(damped, cross[..., None])[..., 0].astype(np.float32)
    offset = mask_mean - (slope * mean).sum(axis=2)
    return _box(slope, radius), _box(offset, radius)


def _colours_of_both_sides(image: F32, near: F32, radius: int) -> tuple[F32, F32, F32]:
    """Mean colours (H, W, 3) of person and background nearby, and how well they tell (H, W)."""
    means, shares = [], []
    for sure in (near > 0.97, near < 0.03):
        weight = sure.astype(np.float32)
        share = _box(weight, radius)
        means.append(_box(image * weight[..., None], radius) / (share[..., None] + 1e-4))
        shares.append(share)
    contrast = np.square(means[0] - means[1]).sum(axis=2)
    known = np.minimum(*shares) > 0.01
    return means[0], means[1], np.where(known, contrast / (contrast + CONTRAST), 0)


def _share(picture: F32, person: F32, ground: F32) -> F32:
    """How far each pixel is on the way from the background's colour to the person's, 0..1."""
    way = person - ground
    share = ((picture - ground) * way).sum(axis=2) / (np.square(way).sum(axis=2) + 1e-4)
    stretched: F32 = np.clip((share - 0.08) / 0.84, 0, 1)  # noise at both ends is not hair
    return stretched


def _unit(rgb: U8) -> F32:
    return np.asarray(rgb, np.float32) / np.float32(255)


def _enlarge(values: F32, size: tuple[int, int]) -> F32:
    return np.asarray(cv2.resize(values, size), np.float32)


def _box(values: F32, radius: int) -> F32:
    size = (2 * radius + 1, 2 * radius + 1)
    return np.asarray(cv2.blur(values, size, borderType=cv2.BORDER_REFLECT), np.float32)


def _blur(values: F32, sigma: float) -> F32:
    return np.asarray(cv2.GaussianBlur(values.astype(np.float32), (0, 0), sigma), np.float32)
