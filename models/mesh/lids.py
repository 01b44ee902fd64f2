"""A lid to close: the skin that the open eye hides, and the lashes that ride on its edge.

The photo around an eye is split into a sum: `skin`, in which the opening and the lashes are filled
with the tone of the skin above and below, and `lashes`, the rest. The skin stays, the lashes move
with the edge of the lid; with the eye as in the photo the sum is the photo again.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from models.arrays import F32, F64, Bool
from models.mesh.canvas import SUPERSAMPLING, Canvas
from models.mesh.columns import column_grid, smoothstep
from models.mesh.eyes import CREASE, LOWER, UPPER, Eye
from models.mesh.sampling import Sampler

LASH_ZONE = 0.052  # above the lid's edge, units of S: lashes and the lid's own line
LOWER_ZONE = 0.016  # below the lower lid's edge
FADE = 0.018
TONE_STRIP = 0.03  # height of the skin, above and below, that the tone is taken from
GRAIN_PX = 3.0  # canvas pixels; coarser than this is tone, not texture
BINS = 60  # of colour along the eye, over 3 half widths
LIGHT_LOST = 0.75  # of what is lighter than skin at the open lid's edge: wet rims, wrinkles
ROUNDNESS = 0.05  # a closed lid catches a little more light at its middle


@dataclass(frozen=True)
class Plate:
    """A part of the canvas."""

    pixels: Tensor  # (h, w, 3) float
    left: int  # canvas pixels
    top: int

    def read(self, sampler: Sampler, places: Tensor) -> Tensor:
        """At frame places (B, 2, h, w): (B, h, w, 3)."""
        offset = places.new_tensor([self.left, self.top]) / SUPERSAMPLING
        return sampler.read(self.pixels, places - offset[:, None, None])


@dataclass(frozen=True)
class Lid:
    skin: Plate
    lashes: Plate  # signed, dark lashes are negative

    def over(self, sampler: Sampler, skin: Tensor, lashes: Tensor, blink: Tensor) -> Tensor:
        """The lid at places (B, 2, h, w) of both plates, blink (B,): (B, h, w, 3)."""
        moving = self.lashes.read(sampler, lashes)
        kept = 1 - LIGHT_LOST * blink[:, None, None, None]
        return self.skin.read(sampler, skin) + torch.where(moving > 0, kept * moving, moving)


def build_lid(canvas: Canvas, eye: Eye) -> Lid:
    """Split the photo around an eye into skin and lashes."""
    left, top, photo = _surroundings(canvas, eye)
    u, v = _local_grid(eye, left, top, photo.shape[:2])
    columns = column_grid()
    crease, upper, lower = (
        np.interp(u, columns, eye.knots[k].numpy()) for k in (CREASE, UPPER, LOWER)
    )
    mask = _hidden(eye, u, v, crease, upper, lower)[..., None]
    fill = _fill(photo, eye, u, v, upper, lower)
    skin = photo + mask * (fill - photo)
    return Lid(Plate(_tensor(skin), left, top), Plate(_tensor(photo - skin), left, top))


def _surroundings(canvas: Canvas, eye: Eye) -> tuple[int, int, F32]:
    reach = 1.9 * eye.half_width
    corners = np.array([[-reach, -reach], [reach, -reach], [-reach, reach], [reach, reach]])
    fine = eye.frame.pixels(corners) * SUPERSAMPLING
    low = np.maximum(np.floor(fine.min(axis=0)), 0).astype(int)
    high = np.ceil(fine.max(axis=0)).astype(int)
    part = canvas.rgb[low[1] : high[1], low[0] : high[0]]
    return int(low[0]), int(low[1]), part.astype(np.float32)


def _local_grid(eye: Eye, left: int, top: int, shape: tuple[int, ...]) -> tuple[F64, F64]:
    x, y = np.meshgrid(np.arange(shape[1]) + left, np.arange(shape[0]) + top)
    pixels = (np.stack([x.ravel(), y.ravel()], axis=1) - (SUPERSAMPLING - 1) / 2) / SUPERSAMPLING
    local = eye.frame.local(pixels.astype(np.float32))
    return local[:, 0].reshape(shape[:2]), local[:, 1].reshape(shape[:2])


def _hidden(eye: Eye, u: F64, v: F64, crease: F64, upper: F64, lower: F64) -> F64:
    """1 where the photo shows eye or lashes instead of lid skin."""
    zone = np.minimum(LASH_ZONE, 0.85 * (upper - crease))
    above = smoothstep((v - (upper - zone - FADE)) / FADE)
    below = smoothstep(((lower + LOWER_ZONE + FADE) - v) / FADE)
    beside = smoothstep((eye.half_width + 0.012 - np.abs(u)) / 0.03)
    return above * below * beside


def _fill(photo: F32, eye: Eye, u: F64, v: F64, upper: F64, lower: F64) -> F64:
    """A lid: continuous with the skin above and below, of their mean tone, grained like them."""
    top, low = upper - LASH_ZONE, lower + LOWER_ZONE
    strips = ((top - TONE_STRIP, top), (low, low + TONE_STRIP))
    edge_top, edge_low = (_tone(photo, eye, u, (v >= a) & (v <= b), 1.5, 0) for a, b in strips)
    above, below = (_tone(photo, eye, u, (v >= a) & (v <= b), 6, 3) for a, b in strips)
    above = above * np.minimum(1, 1.1 * below.mean() / max(above.mean(), 1.0))  # no glint, no rim
    depth = np.clip((v - top) / (low - top), 0, 1)[..., None]
    lid = (above + below) / 2 * (1 + ROUNDNESS * np.sin(np.pi * depth))
    share_top, share_low = 1 - smoothstep(depth / 0.5), smoothstep((depth - 0.6) / 0.4)
    smooth = lid + share_top * (edge_top - lid) + share_low * (edge_low - lid)
    mirrored = np.arange(len(v))[:, None] + 2 * (low - v) * _rows_per_unit(eye)
    return np.asarray(smooth + _grain(photo, mirrored), np.float64)


def _rows_per_unit(eye: Eye) -> float:
    """Canvas rows a unit of S, down the face."""
    return float(eye.frame.axes[1, 1]) * SUPERSAMPLING


def _tone(photo: F32, eye: Eye, u: F64, inside: Bool, blur: float, brightest: int) -> F64:
    """Colour of a strip of skin along the eye, (h, w, 3); `brightest` prefers skin to shadow."""
    brightness = photo.mean(axis=-1) / max(float(photo.mean(axis=-1).max()), 1.0)
    weight = inside * (0.02 + brightness**brightest)
    bin_of = np.clip(((u / eye.half_width + 1.5) * 20).astype(int), 0, BINS - 1).ravel()
    total = (
        gaussian_filter1d(np.bincount(bin_of, weight.ravel(), BINS), blur, mode="nearest") + 1e-9
    )
    position = (u / eye.half_width + 1.5) * 20 - 0.5
    channels = []
    for channel in range(3):
        colour = np.bincount(bin_of, (weight * photo[..., channel]).ravel(), BINS)
        mean = gaussian_filter1d(colour, blur, mode="nearest") / total
        channels.append(np.interp(position, np.arange(BINS), mean))
    return np.stack(channels, axis=-1)


def _grain(photo: F32, rows: F64) -> F32:
    """Fine texture of the skin below the eye (pores, film grain, brush strokes), read at `rows`."""
    texture = photo - cv2.GaussianBlur(photo, (0, 0), GRAIN_PX)
    columns = np.broadcast_to(np.arange(photo.shape[1], dtype=np.float32), rows.shape)
    read = cv2.remap(
        texture, columns, rows.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )
    return np.asarray(read, np.float32)


def _tensor(values: F64 | F32) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))
