"""The fastest way to render, found by measuring."""

from typing import Literal

from prefect import flow

from models.contracts import PortraitSource
from models.engines.tuning import Tuning
from tasks.engines import choose_engines, list_engines, measure_engines


@flow(name="optimize-engines", persist_result=False)
def optimize_engines(
    portrait: PortraitSource, resolution: Literal[256, 512, 720, 1080] = 512, frames: int = 100
) -> Tuning:
    """Time every way of rendering on the machine that runs this, and store which is best.

    Args:
        portrait: A picture to render with.
        resolution: Short side of the frames, pixels.
        frames: So many are rendered for each measurement.
    """
    return choose_engines(measure_engines(portrait, list_engines(resolution), frames))
