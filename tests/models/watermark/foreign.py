"""Five films nobody marked: panned photographs, a fractal, noise, a stranger's weave."""

from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
from skimage import data

from models.arrays import U8
from tests.models.watermark.treated import write_rough

FRAMES, SIDE_PX = 100, 512


def panned(photo: U8) -> list[U8]:
    """A camera that goes over a photograph and nears it."""
    height, width = photo.shape[:2]
    frames = []
    for way in np.linspace(0, 1, FRAMES):
        side = min(height, width) * (1 - 0.3 * way)
        centre = (width / 2 + 0.1 * width * (way - 0.5), height / 2)
        part = cv2.getRectSubPix(photo, (round(side), round(side)), centre)
        frames.append(np.asarray(cv2.resize(part, (SIDE_PX, SIDE_PX)), np.uint8))
    return frames


def fractal() -> list[U8]:
    with av.open(f"mandelbrot=size={SIDE_PX}x{SIDE_PX}:rate=25", format="lavfi") as source:
        decoded = source.decode(video=0)
        frames = [next(decoded).to_ndarray(format="rgb24") for _ in range(FRAMES)]
    return [frame.astype(np.uint8) for frame in frames]


def noise() -> list[U8]:
    random = np.random.default_rng(3)
    return [random.integers(60, 180, (SIDE_PX, SIDE_PX, 3), np.uint8) for _ in range(FRAMES)]


def weave() -> list[U8]:
    """Cells as large as ours, with other signs, on a photograph: someone else's mark."""
    cells = np.random.default_rng(4).choice([-3, 3], (64, 64)).astype(np.int16)
    over = np.kron(cells, np.ones((8, 8), np.int16))[..., None]
    return [np.clip(frame + over, 0, 255).astype(np.uint8) for frame in panned(data.coffee())]  # type: ignore[no-untyped-call]


VIDEOS: dict[str, Callable[[], list[U8]]] = {
    "a cat": lambda: panned(data.chelsea()),  # type: ignore[no-untyped-call]
    "a rocket": lambda: panned(data.rocket()),  # type: ignore[no-untyped-call]
    "a fractal": fractal,
    "noise": noise,
    "another weave": weave,
}


def foreign(name: str, out: Path) -> Path:
    write_rough(VIDEOS[name](), out)
    return out
