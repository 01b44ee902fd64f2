"""The upper teeth as a plate in the mouth's frame, fixed to the head.

A plate is an RGBA picture over u in -WIDTH..WIDTH and v from TOP to BOTTOM (units of S, v = 0 at
the seam of closed lips). Where the photo shows its own upper teeth they become the plate, else
teeth of average proportions are painted in the scene's light. Widths, S being about 90 mm, after
Wheeler's Dental Anatomy: 8.5, 6.5, 7.5, 7 mm, foreshortened by the arch.
"""

from dataclasses import dataclass

import numpy as np

from models.arrays import F64, U8
from models.mesh.columns import smoothstep

WIDTH, TOP, BOTTOM = 0.4, -0.16, 0.12
PIXELS_PER_S = 400

EDGES = (0.0, 0.089, 0.153, 0.212, 0.258, 0.29)  # right of the middle line
INCISAL = (0.021, 0.0175, 0.019, 0.014, 0.009)  # below the seam, at the middle of each tooth
GUM_HEIGHT = 0.105  # of the upper teeth


@dataclass(frozen=True)
class Light:
    """Colours of the scene, linear in sRGB values 0..255."""

    tooth: F64  # (3,)
    lip: F64  # (3,)


def plate_grid() -> tuple[F64, F64]:
    """(u, v) at every pixel of a plate."""
    columns = round(2 * WIDTH * PIXELS_PER_S)
    rows = round((BOTTOM - TOP) * PIXELS_PER_S)
    u = (np.arange(columns) + 0.5) / PIXELS_PER_S - WIDTH
    v = (np.arange(rows) + 0.5) / PIXELS_PER_S + TOP
    grid_u, grid_v = np.meshgrid(u, v)
    return grid_u, grid_v


def paint_teeth(light: Light) -> U8:
    """The upper teeth and their gums, RGBA."""
    u, v = plate_grid()
    place, tooth = _within_tooth(np.abs(u), EDGES)
    incisal = np.array(INCISAL)[tooth] - 0.0045 * np.abs(place) ** 4
    colour = _enamel(place, tooth, (v - incisal) / GUM_HEIGHT, np.abs(u), light)
    gum = smoothstep((incisal - GUM_HEIGHT * (1 - 0.12 * place**2) - v) / 0.012)[..., None]
    colour = colour * (1 - gum) + light.lip * np.array([0.82, 0.72, 0.74]) * gum
    alpha = smoothstep((incisal - v) / 0.006 + 0.5) * (1 - smoothstep((np.abs(u) - 0.26) / 0.03))
    return _rgba(colour, alpha)


def _within_tooth(u: F64, edges: tuple[float, ...]) -> tuple[F64, np.ndarray]:
    """-1..1 across the tooth at |u|, and which tooth it is."""
    bounds = np.array(edges)
    tooth = np.clip(np.searchsorted(bounds, u, side="right") - 1, 0, len(bounds) - 2)
    low, high = bounds[tooth], bounds[tooth + 1]
    return np.clip(2 * (u - low) / (high - low) - 1, -1, 1), tooth


def _enamel(place: F64, tooth: np.ndarray, height: F64, u: F64, light: Light) -> F64:
    """Rounded, a little darker to the side, to the gum and at the edge; gaps are soft."""
    rounded = 1 - 0.10 * place**2
    gap = 1 - 0.20 * np.abs(place) ** 16
    arch = 1 - 0.50 * (u / 0.29) ** 2
    edge = 1 - 0.10 * np.exp(-((height / 0.10) ** 2))
    neck = 1 - 0.12 * np.clip(-height, 0, 1)
    canine = np.where(tooth == 2, 0.95, 1.0)
    shade = rounded * gap * arch * edge * neck * canine
    warm = 1 - np.clip(-height, 0, 1)[..., None] * np.array([0.0, 0.03, 0.10])
    return np.asarray(shade[..., None] * light.tooth * warm, np.float64)


def _rgba(colour: F64, alpha: F64) -> U8:
    pixels = np.concatenate([colour, alpha[..., None] * 255], axis=-1)
    return np.asarray(pixels.round().clip(0, 255), np.uint8)
