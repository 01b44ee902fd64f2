"""Runs a TensorFlow Lite graph with torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from models.portrait import attention, operators
from models.portrait.operators import Function, channels_first, channels_last
from models.portrait.tflite import Graph, Operator, read_graph

BUILDERS = {**operators.BUILDERS, **attention.BUILDERS}


@dataclass(frozen=True)
class Step:
    function: Function
    inputs: tuple[int, ...]
    output: int
    spent: tuple[int, ...]  # tensors nobody needs after this step


class Network:
    """A graph made ready to run: its operators built, its constants in torch's layout."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._steps = _with_lifetimes([_step(op, graph) for op in graph.operators], graph)

    @torch.inference_mode()
    def __call__(self, x: Tensor) -> Mapping[str, Tensor]:
        """(1, H, W, C) float32 -> the graph's outputs by name, channels last."""
        values = {self._graph.inputs[0]: channels_first(x)}
        for step in self._steps:
            values[step.output] = step.function(*(values[index] for index in step.inputs))
            for index in step.spent:
                del values[index]
        return {name: channels_last(values[i]) for name, i in self._graph.outputs.items()}


def _step(operator: Operator, graph: Graph) -> Step:
    inputs = tuple(i for i in operator.inputs if i >= 0 and i not in graph.constants)
    return Step(BUILDERS[operator.kind](operator, graph), inputs, operator.outputs[0], ())


def _with_lifetimes(steps: list[Step], graph: Graph) -> list[Step]:
    last_use = {index: n for n, step in enumerate(steps) for index in step.inputs}
    kept = set(graph.outputs.values())
    return [
        Step(
            step.function,
            step.inputs,
            step.output,
            tuple({i for i in step.inputs if last_use[i] == n and i not in kept}),
        )
        for n, step in enumerate(steps)
    ]


@cache
def load_network(path: Path) -> Network:
    """Read and build once a process; a path stands for one content, the cache checks its hash."""
    return Network(read_graph(path))
