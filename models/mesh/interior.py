"""What shows between the lips: cavity, tongue, teeth, and the shadow of the lips."""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, median_filter
from torch import Tensor

from models.arrays import F64, U8, Bool
from models.mesh import teeth
from models.mesh.canvas import SUPERSAMPLING, Canvas
from models.mesh.columns import column_grid
from models.mesh.features import MouthLayers
from models.mesh.mouth import LOWER_INNER, PHOTO_OPEN, UPPER_INNER, Mouth
from models.mesh.sampling import Sampler
from models.motion.tracks import MOUTH_CHANNELS
from models.portrait import topology

CAVITY = (0.20, 0.10, 0.11)  # of the lips' colour
TONGUE = (0.74, 0.47, 0.49)
LUMA = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True)
class Interior:
    teeth: Tensor  # (h, w, 4) uint8 plate of the upper teeth; the lower lip covers the lower
    lip: Tensor  # (3,) 0..255

    def colours(
        self, mouth: Mouth, sampler: Sampler, layers: MouthLayers, control: Tensor
    ) -> Tensor:
        """The lips' layers at every pixel and controls (B, 9) to RGB (B, h, w, 3)."""
        value = dict(zip(MOUTH_CHANNELS, control[:, :, None, None].unbind(dim=1), strict=True))
        u, v, (top, low) = mouth.centred(layers.u), layers.v, layers.edges.unbind(dim=1)
        depth = (low - top).clamp_min(1e-3)
        below_seam = v - mouth.middle_seam
        cavity = (self.lip * self.lip.new_tensor(CAVITY)).expand(*u.shape, 3)
        pixels = _over(cavity, self._tongue(u, v, low, depth, value["tongue"], mouth))
        pixels = _over(pixels, _read(sampler, self.teeth, u, below_seam))
        light = _shadow(v - top, low - v, depth)[..., None]
        return pixels * light ** light.new_tensor([0.9, 1.05, 1.15])  # red goes deeper than blue

    def _tongue(
        self, u: Tensor, v: Tensor, low: Tensor, depth: Tensor, raised: Tensor, mouth: Mouth
    ) -> Tensor:
        """RGBA of a rounded body on the mouth's floor; `raised` 0..1 lifts its tip to the teeth."""
        across = (u / (0.72 * mouth.half_width)).clamp(-1, 1)
        height = depth * (0.30 + 0.42 * raised) * (1 - across**2).clamp_min(0).sqrt()
        alpha = ((height - (low - v)) / 0.02 + 0.5).clamp(0, 1)
        groove = 1 - 0.12 * torch.exp(-((u / 0.025) ** 2))
        rise = ((low - v) / height.clamp_min(1e-3)).clamp(0, 1)
        shade = (0.62 + 0.30 * rise) * groove
        colour = shade[..., None] * self.lip * self.lip.new_tensor(TONGUE)
        return torch.cat([colour, 255 * alpha[..., None]], dim=-1)


def build_interior(canvas: Canvas, mouth: Mouth) -> Interior:
    light = scene_light(canvas)
    own = _own_teeth(canvas, mouth) if mouth.rest_gap > PHOTO_OPEN else None
    return Interior(
        teeth=torch.from_numpy(teeth.paint_teeth(light) if own is None else own),
        lip=torch.from_numpy(light.lip.astype(np.float32)),
    )


def scene_light(canvas: Canvas) -> teeth.Light:
    """Tooth and lip colour from the picture: about as bright as lit skin or the white of an eye."""
    skin = _median(
        canvas, _ring_mask(canvas, (50, 101, 118, 117)), _ring_mask(canvas, (280, 330, 347, 346))
    )
    lip = _median(
        canvas,
        _ring_mask(canvas, (*topology.LIP_LOWER_OUTER, *reversed(topology.LIP_LOWER_INNER))),
    )
    white = _sclera(canvas, float(skin @ LUMA))
    level = np.clip(max(0.95 * skin @ LUMA, 0.9 * white), 30, 225)
    neutral = np.array([1.0, 0.955, 0.87])
    tint = (neutral + skin / max(skin.max(), 1.0)) / 2
    return teeth.Light(tooth=level * tint / (tint @ LUMA), lip=lip)


def _sclera(canvas: Canvas, fallback: float) -> float:
    """Luma of the brighter part of the eye openings."""
    rings = (
        (*topology.LEFT_LID_UPPER, *reversed(topology.LEFT_LID_LOWER)),
        (*topology.RIGHT_LID_UPPER, *reversed(topology.RIGHT_LID_LOWER)),
    )
    lumas = [(canvas.rgb[_ring_mask(canvas, ring) > 0] @ LUMA) for ring in rings]
    found = np.concatenate(lumas)
    return float(np.percentile(found, 85)) if found.size > 40 else fallback


def _ring_mask(canvas: Canvas, ring: tuple[int, ...]) -> U8:
    mask = np.zeros(canvas.pixels.shape[:2], np.uint8)
    points = canvas.landmarks[list(ring), :2] * SUPERSAMPLING + (SUPERSAMPLING - 1) / 2
    cv2.fillPoly(mask, [points.round().astype(np.int32)], 255)
    return mask


def _median(canvas: Canvas, *masks: U8) -> F64:
    pixels = np.concatenate([canvas.rgb[mask > 0] for mask in masks])
    return np.asarray(np.median(pixels, axis=0), np.float64)


def _own_teeth(canvas: Canvas, mouth: Mouth) -> U8 | None:
    """The photo's upper teeth as a plate, None where none are seen."""
    u, v = teeth.plate_grid()
    places = mouth.frame.pixels(np.stack([u.ravel(), (v + mouth.middle_seam).ravel()], axis=1))
    fine = (places * SUPERSAMPLING + (SUPERSAMPLING - 1) / 2).astype(np.float32)
    x, y = fine[:, 0].reshape(u.shape), fine[:, 1].reshape(u.shape)
    photo = np.asarray(cv2.remap(canvas.rgb, x, y, cv2.INTER_CUBIC), np.uint8)
    shown = _shown_teeth(photo, u, v + mouth.middle_seam, mouth)
    if shown.mean() < 0.02:
        return None
    return _extend(photo, shown)


def _shown_teeth(photo: U8, u: F64, v: F64, mouth: Mouth) -> Bool:
    """Bright, hardly coloured pixels between the inner lips."""
    columns = column_grid()
    top = np.interp(u, columns, mouth.knots[UPPER_INNER].numpy()) + 0.004
    low = np.interp(u, columns, mouth.knots[LOWER_INNER].numpy())
    inside = (v > top) & (v < low) & (low - top > 0.012)
    luma = photo @ LUMA
    peak = np.percentile(luma[inside], 90) if inside.any() else 255.0
    redness = photo[..., 0].astype(np.float64) - photo[..., 1]
    usual = np.median(redness[inside]) if inside.any() else 0.0
    shown = inside & (luma > 0.58 * peak) & (redness < usual + 0.10 * peak)
    opened = cv2.morphologyEx(shown.astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    return np.asarray(opened > 0)


def _extend(photo: U8, shown: Bool) -> U8:
    """Teeth go on under both lips: upwards as they are, downwards to a smooth edge."""
    rows = np.arange(len(shown))[:, None]
    has = np.asarray(shown.any(axis=0), np.bool_)
    first = np.where(has, shown.argmax(axis=0), len(shown))
    last = np.where(has, len(shown) - 1 - shown[::-1].argmax(axis=0), -1)
    source_row = np.clip(rows, np.minimum(first + 2, last), np.maximum(last - 3, first))
    source_row = np.clip(source_row, 0, len(shown) - 1)
    colour = np.take_along_axis(photo, source_row[..., None].repeat(3, axis=2), axis=0)
    above = np.clip((first - rows) / (0.09 * teeth.PIXELS_PER_S), 0, 1)[..., None]
    sides = gaussian_filter1d(has.astype(np.float64), 9)
    alpha = np.clip(_bite_edge(last, has) - rows + 0.5, 0, 1) * np.clip(2 * sides - 1, 0, 1)
    plate = np.dstack([colour * (1 - 0.18 * above), alpha * 255])
    return np.asarray(cv2.GaussianBlur(plate, (0, 0), 0.7).round().clip(0, 255), np.uint8)


def _bite_edge(last: NDArray[np.int64], has: Bool) -> F64:
    """The row at which the teeth end: a smooth line through what is seen of it, (columns,)."""
    columns = np.flatnonzero(has)
    seen = median_filter(last[columns].astype(np.float64), 15, mode="nearest")
    curve = np.polynomial.Polynomial.fit(columns, seen, 4)(columns)
    edge = np.full(len(last), -1.0)
    edge[columns] = 0.3 * gaussian_filter1d(seen, 5) + 0.7 * curve
    return edge


def _read(sampler: Sampler, plate: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """A plate at (u, v) relative to the seam: RGBA float (B, h, w, 4)."""
    x = (u + teeth.WIDTH) * teeth.PIXELS_PER_S - 0.5
    y = (v - teeth.TOP) * teeth.PIXELS_PER_S - 0.5
    half = (SUPERSAMPLING - 1) / 2
    places = (torch.stack([x, y], dim=1) - half) / SUPERSAMPLING
    return sampler.read(plate, places).float()


def _over(below: Tensor, layer: Tensor) -> Tensor:
    alpha = layer[..., 3:] / 255
    return below + alpha * (layer[..., :3] - below)


def _shadow(below_upper: Tensor, above_lower: Tensor, depth: Tensor) -> Tensor:
    """Light 0..1 between the lips: less under the upper lip and in a narrow gap."""
    upper = 0.82 + 0.18 * (below_upper / 0.035).clamp(0, 1)
    lower = 0.84 + 0.16 * (above_lower / 0.02).clamp(0, 1)
    narrow = 0.78 + 0.22 * (depth / 0.04).clamp(0, 1)
    return upper * lower * narrow
