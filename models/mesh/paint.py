"""Paints the mouth and the eyes of a batch of frames, each in its box, pixel by pixel."""

from dataclasses import fields
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from models.mesh.columns import column_grid
from models.mesh.eyes import BELOW, CREASE, Eye
from models.mesh.features import EyeLayers, Layers, MouthLayers
from models.mesh.grid import Box, Grid, box_around
from models.mesh.interior import Interior
from models.mesh.lids import Lid
from models.mesh.mouth import Mouth
from models.mesh.sampling import Sampler

SEAM_SOFT_PX = 1.4  # over which one lip gives way to the other
SEAM_SHADE = 0.34  # of the contact line between lips that were apart in the photo
LASH_LINE, LASH_SHADE = 0.016, 0.62  # height in units of S, and darkness, of a shut eye's lashes
HEAD_ROOM = 0.07  # how far the head carries a feature, units of S

AnyLayers = TypeVar("AnyLayers", bound=Layers)


def mouth_box(mouth: Mouth, grid: Grid) -> Box:
    """The cells in which the lips part."""
    half, seam = mouth.half_width, mouth.middle_seam
    corners = np.array([[-half, seam - 0.10], [half, seam + 0.22]])
    return box_around(mouth.frame, corners, HEAD_ROOM, grid)


def jaw_box(mouth: Mouth, grid: Grid) -> Box:
    """The cells that the mouth and the jaw move."""
    top, chin = mouth.reach
    moved = (mouth.jaw != 0) | (mouth.spread != 0) | (mouth.lips != 0)
    columns = column_grid()[moved.numpy()]
    left, right, low = columns[0], columns[-1], chin + 0.6
    corners = np.array([[left, top], [right, top], [left, low], [right, low]])
    return box_around(mouth.frame, corners, HEAD_ROOM, grid)


def eye_box(eye: Eye, grid: Grid) -> Box:
    """The cells in which the lids move."""
    half = eye.half_width
    top, low = float(eye.knots[CREASE].min()), float(eye.knots[BELOW].max())
    return box_around(eye.frame, np.array([[-half, top], [half, low]]), HEAD_ROOM, grid)


def brow_box(eye: Eye, grid: Grid) -> Box:
    """The cells that the lids and the brow move."""
    reach = 2.2 * eye.half_width
    top, low = float(eye.knots[0].min()) - 0.36, float(eye.knots[BELOW].max())
    corners = np.array([[-reach, top], [reach, top], [-reach, low], [reach, low]])
    return box_around(eye.frame, corners, HEAD_ROOM, grid)


def enlarged(layers: AnyLayers, box: Box, sampler: Sampler, cell: int) -> AnyLayers:
    """The layers of a box of nodes, at every pixel."""
    planes = {field.name: getattr(layers, field.name) for field in fields(layers)}
    flat = [value if value.dim() == 4 else value[:, None] for value in planes.values()]
    fine = sampler.enlarge(box.of(torch.cat(flat, dim=1)), cell)
    parts = torch.split(fine, [value.shape[1] for value in flat], dim=1)
    whole = zip(planes.items(), parts, strict=True)
    return type(layers)(**{name: p if v.dim() == 4 else p[:, 0] for (name, v), p in whole})


def paint_mouth(
    sampler: Sampler,
    canvas: Tensor,
    mouth: Mouth,
    interior: Interior,
    control: Tensor,
    layers: MouthLayers,
) -> Tensor:
    """The mouth's layers at every pixel and controls (B, 9) to pixels (B, h, w, 3)."""
    upper, lower = (_read(sampler, canvas, places) for places in (layers.upper, layers.lower))
    lips = _meet(layers, upper, lower, mouth.scale)
    if mouth.rest_gap > 0.015:
        lips = lips * _contact_line(layers, mouth.scale)
    inside = interior.colours(mouth, sampler, layers, control)
    alpha = _opening(layers, mouth.scale)[..., None]
    return lips + alpha * (inside - lips)


def paint_eye(
    sampler: Sampler,
    canvas: Tensor,
    eye: Eye,
    lid: Lid,
    blink: Tensor,
    gaze: Tensor,
    rest: Tensor,
    layers: EyeLayers,
) -> Tensor:
    """Blink (B,), gaze (B, 2), rest places (B, 2, h, w) and layers to pixels (B, h, w, 3)."""
    upper = lid.over(sampler, layers.upper, layers.lashes, blink)
    lower = _read(sampler, canvas, layers.lower)
    lids = _meet(layers, upper, lower, eye.scale) * _lash_line(eye, layers, blink)
    ball = _read(sampler, canvas, _looked(eye, layers, gaze, rest))
    under_lid = layers.v - layers.edges[:, 0]
    shade = 1 - 0.3 * blink[:, None, None] * (1 - (under_lid / 0.03).clamp(0, 1))
    alpha = _opening(layers, eye.scale)[..., None]
    return lids + alpha * (ball * shade[..., None] - lids)


def _lash_line(eye: Eye, layers: EyeLayers, blink: Tensor) -> Tensor:
    """The lashes of a closing eye gather into one dark line along the lid's edge."""
    above = (layers.edges[:, 0] - layers.v) / LASH_LINE
    inside = (1 - (layers.u.abs() / eye.half_width) ** 4).clamp(0, 1)
    line = torch.exp(-((above - 0.3) ** 2)) * inside * blink[:, None, None]
    return (1 - LASH_SHADE * line)[..., None]


def _looked(eye: Eye, layers: Layers, gaze: Tensor, rest: Tensor) -> Tensor:
    """Where the eyeball's pixels come from when it looks aside by `gaze` (units of S)."""
    away = (layers.u - eye.iris[0]).abs() / eye.half_width
    share = (1 - ((away - 0.35) / 0.55).clamp(0, 1)) ** 2
    return rest - eye.scale * gaze[:, :, None, None] * share[:, None]


def _read(sampler: Sampler, canvas: Tensor, places: Tensor) -> Tensor:
    return sampler.read(canvas, places)[..., :3].float()


def _meet(layers: Layers, upper: Tensor, lower: Tensor, scale: float) -> Tensor:
    """Both layers in one picture, softly divided along the middle of the opening."""
    below = (layers.v - layers.edges.mean(dim=1)) * scale
    share = (below / SEAM_SOFT_PX + 0.5).clamp(0, 1)[..., None]
    return upper + share * (lower - upper)


def _opening(layers: Layers, scale: float) -> Tensor:
    """1 inside the opening, 0 outside, anti-aliased over a pixel: (B, h, w)."""
    top = ((layers.v - layers.edges[:, 0]) * scale + 0.5).clamp(0, 1)
    low = ((layers.edges[:, 1] - layers.v) * scale + 0.5).clamp(0, 1)
    narrow = ((layers.edges[:, 1] - layers.edges[:, 0]) * scale).clamp(0, 1)
    return top * low * narrow


def _contact_line(layers: MouthLayers, scale: float) -> Tensor:
    """The dark line where closed lips touch, for a photo whose lips are apart."""
    off = (layers.v - layers.edges.mean(dim=1)) * scale / 1.3
    gap = (layers.edges[:, 1] - layers.edges[:, 0]) * scale
    line = torch.exp(-(off**2)) * (1 - gap / 3).clamp(0, 1) * layers.profile
    return (1 - SEAM_SHADE * line)[..., None]
