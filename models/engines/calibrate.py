"""Measures in which ranges a network's tensors lie on samples of what it is for."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from torch import Tensor

from models.engines.graph import Graph, Range
from models.engines.onnx_runtime import session

OUTLIERS = 1e-4  # of a tensor's values at either end, that are cut off: two decibels are won
EVERY = 7  # values are enough for that


def measured_ranges(
    graph: Graph, output: str, samples: Iterable[Sequence[Tensor]], threads: int
) -> dict[str, Range]:
    """Of every tensor of an FP32 graph. Raises EngineUnusable."""
    running = session(graph.model(output, None, tell_all=True), threads)
    names = [each.name for each in running.get_outputs()]
    inputs = [each.name for each in running.get_inputs()]
    found: dict[str, list[Range]] = defaultdict(list)
    for sample in samples:
        feed = {name: x.float().numpy() for name, x in zip(inputs, sample, strict=True)}
        for name, values in zip(names, running.run(None, feed), strict=True):
            found[name].append(_ends(np.asarray(values)))
    return {name: _widest(ends) for name, ends in found.items()}


def _ends(values: np.ndarray) -> Range:
    low, high = np.quantile(values.ravel()[::EVERY], [OUTLIERS, 1 - OUTLIERS])
    return float(low), float(high)


def _widest(ends: Sequence[Range]) -> Range:
    return min(low for low, _ in ends), max(high for _, high in ends)
