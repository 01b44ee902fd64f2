"""Paints the mouth and the eyes of a batch of frames, each in its rectangle, pixel by pixel."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.arrays import F64
from models.mesh.columns import LocalFrame, at_columns
from models.mesh.eyes import BELOW, CREASE, Eye
from models.mesh.features import Layers, eye_layers, mouth_layers, shaped
from models.mesh.head import CELL
from models.mesh.interior import Interior
from models.mesh.lids import Lid
from models.mesh.mouth import Mouth
from models.mesh.sampling import Sampler

SEAM_SOFT_PX = 1.4  # over which one lip gives way to the other
SEAM_SHADE = 0.34  # of the contact line between lips that were apart in the photo
HEAD_ROOM = 0.07  # how far the head carries a feature, units of S


@dataclass(frozen=True)
class Box:
    """A rectangle of whole grid cells, in frame pixels."""

    left: int
    top: int
    right: int
    bottom: int

    def of(self, field: Tensor) -> Tensor:
        """The part of a (B, 2, H, W) field."""
        return field[:, :, self.top : self.bottom, self.left : self.right]


def mouth_box(mouth: Mouth, size: tuple[int, int]) -> Box:
    half, seam = mouth.half_width, float(mouth.seam[len(mouth.seam) // 2])
    corners = np.array([[-half, seam - 0.10], [half, seam + 0.26]])
    return _box_around(mouth.frame, corners, size)


def eye_box(eye: Eye, size: tuple[int, int]) -> Box:
    half = eye.half_width
    top, low = float(eye.knots[CREASE].min()), float(eye.knots[BELOW].max())
    return _box_around(eye.frame, np.array([[-half, top], [half, low]]), size)


def _box_around(frame: LocalFrame, local: F64, size: tuple[int, int]) -> Box:
    scale = float(np.linalg.norm(frame.axes[:, 0]))
    pixels = frame.pixels(local)
    low = np.floor((pixels.min(axis=0) - HEAD_ROOM * scale) / CELL).astype(int) * CELL
    high = np.ceil((pixels.max(axis=0) + HEAD_ROOM * scale) / CELL).astype(int) * CELL
    left, top = np.clip(low, 0, None)
    right, bottom = np.minimum(high, size)
    return Box(int(left), int(top), int(right), int(bottom))


def paint_mouth(
    sampler: Sampler,
    canvas: Tensor,
    mouth: Mouth,
    interior: Interior,
    control: Tensor,
    places: Tensor,
) -> Tensor:
    """Rest places (B, 2, h, w) of the mouth's box and controls (B, 9) to pixels (B, h, w, 3)."""
    shape = places.shape[2:]
    layers = mouth_layers(mouth, control, mouth.targets(control), places.flatten(2))
    upper, lower = (
        _read(sampler, canvas, layers.upper, shape),
        _read(sampler, canvas, layers.lower, shape),
    )
    scale = mouth.scale
    lips = _meet(layers, upper, lower, scale, shape)
    lips = lips * _contact_line(mouth, layers, scale, shape)
    edges = shaped(layers.edges, shape)
    u, v = shaped(layers.u, shape), shaped(layers.v, shape)
    inside = interior.colours(mouth, sampler, u, v, edges, control)
    alpha = shaped(_opening(layers, scale), shape)[..., None]
    return lips + alpha * (inside - lips)


def paint_eye(
    sampler: Sampler,
    canvas: Tensor,
    eye: Eye,
    lid: Lid,
    blink: Tensor,
    gaze: Tensor,
    brow: Tensor,
    places: Tensor,
) -> Tensor:
    """Rest places (B, 2, h, w) of the eye's box, blink (B,), gaze (B, 2), brow (B,) to pixels."""
    shape = places.shape[2:]
    flat = places.flatten(2)
    layers = eye_layers(eye, blink, brow, flat)
    upper = lid.over(sampler, shaped(layers.upper, shape), shaped(layers.lashes, shape), blink)
    lower = _read(sampler, canvas, layers.lower, shape)
    scale = float(np.linalg.norm(eye.frame.axes[:, 0]))
    lids = _meet(layers, upper, lower, scale, shape)
    ball = _read(sampler, canvas, _looked(eye, layers, gaze, flat, scale), shape)
    under_lid = shaped(layers.v - layers.edges[:, 0], shape)
    shade = 1 - 0.3 * blink[:, None, None] * (1 - (under_lid / 0.03).clamp(0, 1))
    alpha = shaped(_opening(layers, scale), shape)[..., None]
    return lids + alpha * (ball * shade[..., None] - lids)


def _looked(eye: Eye, layers: Layers, gaze: Tensor, places: Tensor, scale: float) -> Tensor:
    """Where the eyeball's pixels come from when it looks aside by `gaze` (units of S)."""
    away = (layers.u - eye.iris[0]).abs() / eye.half_width
    share = (1 - ((away - 0.35) / 0.55).clamp(0, 1)) ** 2
    return places - scale * gaze[:, :, None] * share[:, None]


def _read(sampler: Sampler, canvas: Tensor, places: Tensor, shape: torch.Size) -> Tensor:
    return sampler.picture(canvas, shaped(places, shape))[..., :3].float()


def _meet(layers: Layers, upper: Tensor, lower: Tensor, scale: float, shape: torch.Size) -> Tensor:
    """Both layers in one picture, softly divided along the middle of the opening."""
    below = (layers.v - layers.edges.mean(dim=1)) * scale
    share = shaped((below / SEAM_SOFT_PX + 0.5).clamp(0, 1), shape)[..., None]
    return upper + share * (lower - upper)


def _opening(layers: Layers, scale: float) -> Tensor:
    """1 inside the opening, 0 outside, anti-aliased over a pixel: (B, P)."""
    top = ((layers.v - layers.edges[:, 0]) * scale + 0.5).clamp(0, 1)
    low = ((layers.edges[:, 1] - layers.v) * scale + 0.5).clamp(0, 1)
    narrow = ((layers.edges[:, 1] - layers.edges[:, 0]) * scale).clamp(0, 1)
    return top * low * narrow


def _contact_line(mouth: Mouth, layers: Layers, scale: float, shape: torch.Size) -> Tensor:
    """The dark line where closed lips touch, for a photo whose lips are apart."""
    if mouth.rest_gap < 0.015:
        return torch.ones(1)
    off = (layers.v - layers.edges.mean(dim=1)) * scale / 1.3
    gap = (layers.edges[:, 1] - layers.edges[:, 0]) * scale
    inside = at_columns(mouth.profile.expand(len(layers.u), 1, -1), layers.u_photo)[:, 0]
    line = torch.exp(-(off**2)) * (1 - gap / 3).clamp(0, 1) * inside
    return shaped(1 - SEAM_SHADE * line, shape)[..., None]
