"""The mouth and jaw as knots over columns: where contours lie in the photo, and where they go."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.arrays import F32, F64
from models.mesh.columns import LocalFrame, column_grid, contour, smoothstep
from models.motion.tracks import MOUTH_CHANNELS
from models.portrait.topology import (
    CHIN,
    JAW_LINE,
    LEFT_EYE_OUTER,
    LIP_LOWER_INNER,
    LIP_LOWER_OUTER,
    LIP_UPPER_INNER,
    LIP_UPPER_OUTER,
    MOUTH_LEFT,
    MOUTH_RIGHT,
    NASION,
    RIGHT_EYE_OUTER,
    SUBNASALE,
)

NOSE, UPPER_OUTER, UPPER_INNER, LOWER_INNER, LOWER_OUTER, JAW, NECK = range(7)

SEAM_SHARE = 0.42  # of an open mouth's gap, from the upper lip: where the lips meet when they close
UPPER_SHARE = 0.16  # of an opening is made by the upper lip; the lower lip makes the rest
PROFILE_POWER = 0.7  # of the opening from corner to corner
PROFILE_REACH = 0.94  # the lips part up to here, 1 = at the corners
RELAXED_HALF_WIDTH = 0.285  # of a mouth that does not smile, units of S
PHOTO_OPEN = 0.03  # gap from which the photo's mouth counts as open, units of S
NECK_BELOW_CHIN = 0.55  # where the skin under the jaw stays still


@dataclass(frozen=True)
class Mouth:
    """Knots and weights per column, all in units of S."""

    frame: LocalFrame
    scale: float  # S, pixels
    knots: Tensor  # (7, C)
    seam: Tensor  # (C,) where closed lips meet
    profile: Tensor  # (C,) opening, 1 at the middle, 0 at the corners
    lips: Tensor  # (C,) 1 between the corners, falling to 0 beside them
    jaw: Tensor  # (C,) share of the jaw's drop
    spread: Tensor  # (C,) share of the corners' sideways movement, signed
    smile: Tensor  # (C,) how far the lips curve up from their middle, falling to 0 beside them
    sides: tuple[float, float, float]  # u of the left corner, of the middle, of the right corner
    half_width: float
    rest_gap: float  # of the photo, at the middle
    middle_seam: float  # v of the closed lips at u = 0
    reach: tuple[float, float]  # v of nose and chin, between which corners pull the skin

    def targets(self, mouth: Tensor) -> Tensor:
        """Controls (B, 9) as MOUTH_CHANNELS to knots (B, 7, C)."""
        control = dict(zip(MOUTH_CHANNELS, mouth[:, :, None].unbind(dim=1), strict=True))
        moved = self.knots.expand(len(mouth), -1, -1).clone()
        drop = 0.22 * control["jaw"] * self.lips + 0.6 * control["pucker"] * self.smile
        gap = control["gap"] * self.profile
        upper = self.seam - UPPER_SHARE * gap - control["ulift"] * self.profile
        lower = self.seam + (1 - UPPER_SHARE) * gap
        thick = control["pucker"] * self.profile
        up = upper - self.knots[UPPER_INNER]
        down = lower - self.knots[LOWER_INNER]
        moved[:, UPPER_INNER] = upper + drop
        moved[:, LOWER_INNER] = lower + drop
        moved[:, UPPER_OUTER] += torch.where(up > 0, 0.55 * up, 0.85 * up) + drop - 0.018 * thick
        moved[:, LOWER_OUTER] += (
            torch.where(down > 0, 0.72 * down, 0.65 * down) + drop + 0.022 * thick
        )
        bite = 0.03 * control["ff"] * self.profile
        moved[:, LOWER_INNER] -= 0.3 * bite
        moved[:, LOWER_OUTER] -= bite
        squeeze = 0.01 * control["press"] * self.profile
        moved[:, UPPER_OUTER] += squeeze
        moved[:, LOWER_OUTER] -= squeeze
        moved[:, JAW] += control["jaw"] * self.jaw + 0.35 * down.clamp_max(0) * self.jaw
        return moved

    def sideways(self, mouth: Tensor) -> Tensor:
        """How far each corner moves outwards, (B,), units of S; a smile relaxes as lips round."""
        wide = mouth[:, MOUTH_CHANNELS.index("wide")]
        pucker = mouth[:, MOUTH_CHANNELS.index("pucker")]
        smile = max(0.0, self.half_width - RELAXED_HALF_WIDTH)
        jaw = mouth[:, MOUTH_CHANNELS.index("jaw")]
        return wide - 0.2 * jaw - smile * (0.35 + 0.75 * pucker)

    def centred(self, u: Tensor) -> Tensor:
        """u as if the mouth were seen from the front: its middle at 0, both halves as wide."""
        left, middle, right = self.sides
        off = u - middle
        halves = torch.where(
            off < 0, self.half_width / (middle - left), self.half_width / (right - middle)
        )
        return off * halves

    def across(self, v: Tensor) -> Tensor:
        """Share of `sideways` at height v (B, h, w): all at the lips, none at nose and chin."""
        nose, chin = self.reach
        above = ((v - nose) / (0.0 - nose) / 0.8).clamp(0, 1)
        below = ((chin - v) / chin / 0.8).clamp(0, 1)
        share = above * below
        return share * share * (3 - 2 * share)


def measure_mouth(landmarks: F32, frame_size: tuple[int, int]) -> Mouth:
    """Landmarks (478, 3) in frame pixels to the mouth's knots."""
    frame, scale = _mouth_frame(landmarks)
    local = frame.local(landmarks[:, :2])
    left, right = float(local[MOUTH_LEFT, 0]), float(local[MOUTH_RIGHT, 0])
    knots = _rest_knots(local, left, right, _bottom(frame, frame_size))
    gap = knots[LOWER_INNER] - knots[UPPER_INNER]
    middle = float(local[LIP_UPPER_INNER[5], 0])
    x = _corner_to_corner(left, right, middle)
    open_share = SEAM_SHARE if gap.max() > 0.01 else 0.5
    seam = knots[UPPER_INNER] + open_share * gap
    lips = 1 - smoothstep((np.abs(x) - 0.8) / 0.9)
    return Mouth(
        frame=frame,
        scale=scale,
        knots=_tensor(knots),
        seam=_tensor(seam),
        profile=_tensor((1 - np.clip(np.abs(x) / PROFILE_REACH, 0, 1) ** 2) ** PROFILE_POWER),
        lips=_tensor(lips),
        jaw=_tensor(_jaw_weight(local)),
        spread=_tensor(_spread(x)),
        smile=_tensor(np.clip(np.interp(0.0, x, seam) - seam, 0, None) * lips),
        sides=(left, middle, right),
        half_width=(right - left) / 2,
        rest_gap=float(gap.max()),
        middle_seam=float(seam[len(seam) // 2]),
        reach=(float(knots[NOSE].min()), float(knots[JAW].max())),
    )


def _mouth_frame(landmarks: F32) -> tuple[LocalFrame, float]:
    flat = landmarks[:, :2].astype(np.float64)
    scale = float(np.linalg.norm(flat[RIGHT_EYE_OUTER] - flat[LEFT_EYE_OUTER]))
    right = flat[MOUTH_RIGHT] - flat[MOUTH_LEFT]
    down = flat[CHIN] - flat[NASION]
    right, down = right / np.linalg.norm(right), down / np.linalg.norm(down)
    origin = (flat[MOUTH_LEFT] + flat[MOUTH_RIGHT]) / 2
    return LocalFrame(origin, np.column_stack([right, down]) * scale), scale


def _bottom(frame: LocalFrame, size: tuple[int, int]) -> float:
    """v of the frame's lower edge under the mouth."""
    return float((size[1] - frame.origin[1]) / frame.axes[1, 1])


def _rest_knots(local: F64, left: float, right: float, bottom: float) -> F64:
    u = column_grid()
    inner_top, inner_low = (
        contour(local[list(LIP_UPPER_INNER)]),
        contour(local[list(LIP_LOWER_INNER)]),
    )
    outer_top, outer_low = (
        contour(local[list(LIP_UPPER_OUTER)]),
        contour(local[list(LIP_LOWER_OUTER)]),
    )
    inner_low = np.maximum(inner_low, inner_top)
    seam = (inner_top + inner_low) / 2
    if (inner_low - inner_top).max() > PHOTO_OPEN:
        inner_top, inner_low = _past_the_shadow(inner_top, inner_low, u, left, right)
    edge = np.clip(
        np.minimum(u - left, right - u) / 0.06, 0, 1
    )  # outer contours meet at the corners
    outer_top = np.minimum(seam + edge * (outer_top - seam), inner_top)
    outer_low = np.maximum(seam + edge * (outer_low - seam), inner_low)
    nose = np.minimum(
        local[SUBNASALE, 1] - 0.22 * smoothstep((np.abs(u) - 0.1) / 0.3), outer_top - 0.03
    )
    jaw = np.maximum(contour(local[list(JAW_LINE)]), outer_low + 0.1)
    neck = np.maximum(np.minimum(jaw + NECK_BELOW_CHIN, bottom - 0.02), jaw + 0.12)
    return np.stack([nose, outer_top, inner_top, inner_low, outer_low, jaw, neck])


def _past_the_shadow(top: F64, low: F64, u: F64, left: float, right: float) -> tuple[F64, F64]:
    """Widen an open mouth's gap: the dark of its corners belongs to the inside, not to the lips."""
    x = np.clip(np.abs(u - (left + right) / 2) / ((right - left) / 2), 0, 1)
    extra = (0.004 + 0.012 * x**2) * smoothstep((1 - x) / 0.12)
    return top - extra, low + extra


def _corner_to_corner(left: float, right: float, middle: float) -> F64:
    """-1 at the left corner, 0 at the middle of the lips, 1 at the right corner, and on beyond."""
    u = column_grid() - middle
    return np.where(u < 0, u / (middle - left), u / (right - middle))


def _jaw_weight(local: F64) -> F64:
    """1 under the mouth, 0 where the jaw meets the ear on either side."""
    u = column_grid()
    chin, left, right = local[CHIN, 0], local[JAW_LINE[1], 0], local[JAW_LINE[-2], 0]
    x = np.where(u < chin, (u - chin) / min(left - chin, -0.2), (u - chin) / max(right - chin, 0.2))
    return 1 - smoothstep(np.clip(x, 0, 1) ** 1.3)


def _spread(x: F64) -> F64:
    """Sideways share: grows to the corner, then dies away over the cheek."""
    inside = np.sign(x) * np.clip(np.abs(x), 0, 1) ** 0.8
    return inside * (1 - smoothstep((np.abs(x) - 1) / 1.3))


def _tensor(values: F64) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))
