"""Where every pixel of a mouth or an eye comes from, and what covers what."""

from dataclasses import dataclass

import torch
from torch import Tensor

from models.mesh.columns import LocalFrame, at_columns, source_of
from models.mesh.eyes import BELOW, BROW, CREASE, LOWER, UPPER, Eye
from models.mesh.mouth import LOWER_INNER, UPPER_INNER, Mouth

BROW_ABOVE, BROW_UNDER = 0.35, 0.0  # how far a raised brow moves the forehead, units of S


@dataclass(frozen=True)
class Layers:
    """Two pictures that meet in an opening; all (B, P) or (B, 2, P), pixels and units of S."""

    upper: Tensor  # (B, 2, P) where the upper layer's pixels come from
    lower: Tensor
    u: Tensor  # of the pixel, fixed to the head
    v: Tensor
    edges: Tensor  # (B, 2, P) v of the upper and the lower edge of the opening
    u_photo: Tensor  # of the place in the photo

    @property
    def above(self) -> Tensor:
        """Whether a pixel belongs to the upper layer."""
        return self.v < self.edges.mean(dim=1)

    def single(self) -> Tensor:
        """One place for every pixel, for grids too coarse to see the opening."""
        return torch.where(self.above[:, None], self.upper, self.lower)


@dataclass(frozen=True)
class EyeLayers(Layers):
    lashes: Tensor  # (B, 2, P) where the lashes of the upper lid come from


def mouth_layers(mouth: Mouth, control: Tensor, targets: Tensor, places: Tensor) -> Layers:
    """Controls (B, 9), their knots (B, 7, C) and rest places (B, 2, P), pixels, to layers."""
    u, v = to_local(mouth.frame, places)
    outward = mouth.sideways(control)[:, None]
    spread = at_columns(mouth.spread.expand(len(u), 1, -1), u)[:, 0]
    u_photo = u - outward * spread * mouth.across(v)
    target, photo = _knots_at(targets, mouth.knots, u_photo)
    split = LOWER_INNER
    upper = source_of(v, target[:, :split], photo[:, :split])
    lower = source_of(v, target[:, split:], photo[:, split:])
    return Layers(
        upper=to_pixels(mouth.frame, u_photo, upper),
        lower=to_pixels(mouth.frame, u_photo, lower),
        u=u,
        v=v,
        edges=target[:, [UPPER_INNER, LOWER_INNER]],
        u_photo=u_photo,
    )


def eye_layers(eye: Eye, blink: Tensor, brow: Tensor, places: Tensor) -> EyeLayers:
    """Blink (B,), brow raise (B,) and rest places (B, 2, P) to the layers of the lids."""
    u, v = to_local(eye.frame, places)
    target, photo = _knots_at(eye.targets(blink), eye.knots, u)
    raised = v + brow[:, None] * _brow_share(eye, u, v, photo)
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
        u_photo=u,
        lashes=to_pixels(eye.frame, u, lashes),
    )


def _brow_share(eye: Eye, u: Tensor, v: Tensor, photo: Tensor) -> Tensor:
    """1 on the brow, falling to the lid's crease below and over the forehead above."""
    across = at_columns(eye.brow.expand(len(u), 1, -1), u)[:, 0]
    above = ((v - (photo[:, BROW] - BROW_ABOVE)) / BROW_ABOVE).clamp(0, 1)
    under = ((photo[:, CREASE] - v) / (photo[:, CREASE] - photo[:, BROW]).clamp_min(0.02)).clamp(
        0, 1
    )
    share = torch.minimum(above, under)
    return across * share * share * (3 - 2 * share)


def _knots_at(targets: Tensor, knots: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    """(target, photo) knots at u, each (B, K, P)."""
    both = torch.cat([targets, knots.expand(len(targets), -1, -1)], dim=1)
    read = at_columns(both, u)
    return read[:, : len(knots)], read[:, len(knots) :]


def to_local(frame: LocalFrame, places: Tensor) -> tuple[Tensor, Tensor]:
    """Pixels (B, 2, P) to u and v, each (B, P)."""
    axes = torch.from_numpy(frame.axes).to(places)
    origin = torch.from_numpy(frame.origin).to(places)
    local = torch.linalg.inv(axes) @ (places - origin[:, None])
    return local[:, 0], local[:, 1]


def to_pixels(frame: LocalFrame, u: Tensor, v: Tensor) -> Tensor:
    """u and v (B, P) to pixels (B, 2, P)."""
    axes = torch.from_numpy(frame.axes).to(u)
    origin = torch.from_numpy(frame.origin).to(u)
    return axes @ torch.stack([u, v], dim=1) + origin[:, None]


def shaped(values: Tensor, shape: torch.Size) -> Tensor:
    """(..., P) to (..., h, w)."""
    return values.reshape(*values.shape[:-1], *shape)
