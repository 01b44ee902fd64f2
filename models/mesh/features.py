"""Where every node around the mouth or an eye comes from, and what covers what.

All tensors are (B, h, w) or (B, 2, h, w) on a box of grid nodes; places are frame pixels, x
before y, everything else is in units of S.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from models.mesh.columns import LocalFrame, at_columns, source_of
from models.mesh.eyes import BELOW, BROW, CREASE, LOWER, UPPER, Eye
from models.mesh.mouth import LOWER_INNER, UPPER_INNER, Mouth

BROW_ABOVE = 0.35  # how far above the brow the forehead still moves


@dataclass(frozen=True)
class Layers:
    """Two pictures that meet in an opening."""

    upper: Tensor  # (B, 2, h, w) where the upper layer's pixels come from
    lower: Tensor
    u: Tensor  # (B, h, w) of the place, fixed to the head
    v: Tensor
    edges: Tensor  # (B, 2, h, w) v of the opening's upper and lower edge

    def single(self) -> Tensor:
        """One place for every node, for grids too coarse to see the opening."""
        above = self.v < self.edges.mean(dim=1)
        return torch.where(above[:, None], self.upper, self.lower)


@dataclass(frozen=True)
class MouthLayers(Layers):
    profile: Tensor  # (B, h, w) 1 at the middle of the lips, 0 at their corners and beyond


@dataclass(frozen=True)
class EyeLayers(Layers):
    lashes: Tensor  # (B, 2, h, w) where the lashes of the upper lid come from


def mouth_layers(mouth: Mouth, control: Tensor, places: Tensor) -> MouthLayers:
    """Controls (B, 9) and rest places (B, 2, h, w) to the layers of the lips."""
    u, v = to_local(mouth.frame, places)
    rows = len(mouth.knots)
    spread = at_columns(mouth.spread.expand(len(u), 1, -1), u)[:, 0]
    outward = mouth.sideways(control)[:, None, None]
    u_photo = u - outward * spread * mouth.across(v)
    still = torch.cat([mouth.knots, mouth.profile[None]]).expand(len(u), -1, -1)
    knots = at_columns(torch.cat([mouth.targets(control), still], dim=1), u_photo)
    target, photo = knots[:, :rows], knots[:, rows : 2 * rows]
    upper = source_of(v, target[:, :LOWER_INNER], photo[:, :LOWER_INNER])
    lower = source_of(v, target[:, LOWER_INNER:], photo[:, LOWER_INNER:])
    return MouthLayers(
        upper=to_pixels(mouth.frame, u_photo, upper),
        lower=to_pixels(mouth.frame, u_photo, lower),
        u=u,
        v=v,
        edges=target[:, [UPPER_INNER, LOWER_INNER]],
        profile=knots[:, -1],
    )


def eye_layers(eye: Eye, blink: Tensor, brow: Tensor, places: Tensor) -> EyeLayers:
    """Blink (B,), brow raise (B,) and rest places (B, 2, h, w) to the layers of the lids."""
    u, v = to_local(eye.frame, places)
    rows = len(eye.knots)
    still = torch.cat([eye.knots, eye.brow[None]]).expand(len(u), -1, -1)
    knots = at_columns(torch.cat([eye.targets(blink), still], dim=1), u)
    target, photo = knots[:, :rows], knots[:, rows : 2 * rows]
    raised = v + brow[:, None, None] * knots[:, -1] * _brow_share(v, photo)
    skin = [BROW, CREASE, LOWER]  # the lid's skin is always there, beneath the fold
    upper = source_of(raised, target[:, skin], photo[:, skin])
    lower = source_of(v, target[:, LOWER : BELOW + 1], photo[:, LOWER : BELOW + 1])
    lashes = raised - (target[:, UPPER] - photo[:, UPPER])
    return EyeLayers(
        upper=to_pixels(eye.frame, u, upper),
        lower=to_pixels(eye.frame, u, lower),
        u=u,
        v=v,
        edges=target[:, [UPPER, LOWER]],
        lashes=to_pixels(eye.frame, u, lashes),
    )


def _brow_share(v: Tensor, photo: Tensor) -> Tensor:
    """1 on the brow, falling to the lid's crease below and over the forehead above."""
    brow, crease = photo[:, BROW], photo[:, CREASE]
    above = ((v - brow + BROW_ABOVE) / BROW_ABOVE).clamp(0, 1)
    under = ((crease - v) / (crease - brow).clamp_min(0.02)).clamp(0, 1)
    share = torch.minimum(above, under)
    return share * share * (3 - 2 * share)


def to_local(frame: LocalFrame, places: Tensor) -> tuple[Tensor, Tensor]:
    """Pixels (B, 2, h, w) to u and v, each (B, h, w)."""
    (a, b), (c, d) = frame.inverse.tolist()
    x, y = places[:, 0] - float(frame.origin[0]), places[:, 1] - float(frame.origin[1])
    return a * x + b * y, c * x + d * y


def to_pixels(frame: LocalFrame, u: Tensor, v: Tensor) -> Tensor:
    """u and v (B, h, w) to pixels (B, 2, h, w)."""
    (a, b), (c, d) = frame.axes.tolist()
    x, y = float(frame.origin[0]), float(frame.origin[1])
    return torch.stack([a * u + b * v + x, c * u + d * v + y], dim=1)
