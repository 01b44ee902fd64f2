"""Torch's own ways to run a module whose first input is a batch and whose others are constant."""

from dataclasses import dataclass
from itertools import zip_longest

import torch
from torch import Tensor, nn

from models.errors import EngineUnusable


def laid_out(module: nn.Module) -> nn.Module:
    """Channels last: what vector units and tensor cores read."""
    for weight in module.parameters():
        if weight.dim() == 4:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)
    return module.eval()


class EagerEngine:
    """The reference, as it is or in a 16-bit kind that its module was converted to."""

    mixes = True  # constants may differ from row to row

    def __init__(self, module: nn.Module, kind: torch.dtype = torch.float32) -> None:
        self._module, self._kind = laid_out(module), kind

    def __call__(self, batch: Tensor, *constant: Tensor) -> Tensor:
        same = [each.to(self._kind, memory_format=torch.channels_last) for each in constant]
        drawn: Tensor = self._module(batch, *same)
        return drawn.float()


@dataclass(frozen=True)
class Recording:
    """A module's kernels for inputs of certain shapes, and where they read and write."""

    graph: torch.cuda.CUDAGraph
    batch: Tensor
    constant: tuple[Tensor, ...]
    drawn: Tensor


class CudaGraphEngine:
    """One launch a batch: the module's kernels recorded once for each shape of its inputs.

    What it returns is overwritten by the next call of the same shape.
    """

    mixes = True

    def __init__(self, module: nn.Module, kind: torch.dtype) -> None:
        """Raises EngineUnusable."""
        if not torch.cuda.is_available():
            raise EngineUnusable("CUDA graphs need an NVIDIA card that torch can use")
        self._module = laid_out(module)
        self._kind = kind
        self._recordings: dict[tuple[torch.Size, torch.Size], Recording] = {}
        self._given: tuple[Tensor, ...] = ()  # what the last call's constants were

    def __call__(self, batch: Tensor, *constant: Tensor) -> Tensor:
        shapes = batch.shape, constant[0].shape
        made = self._recordings.get(shapes)
        if made is None:
            made = self._recordings[shapes] = self._record(batch, constant)
        made.batch.copy_(batch)
        if not all(a is b for a, b in zip_longest(constant, self._given)):
            for place, value in zip(made.constant, constant, strict=True):
                place.copy_(value)
            self._given = constant
        made.graph.replay()
        return made.drawn

    def _record(self, batch: Tensor, constant: tuple[Tensor, ...]) -> Recording:
        self._given = ()
        rows = torch.zeros_like(batch)
        fixed = tuple(
            each.to(self._kind, memory_format=torch.channels_last).clone() for each in constant
        )
        with torch.cuda.stream(torch.cuda.Stream()):  # type: ignore[no-untyped-call]
            torch.cuda.current_stream().wait_stream(torch.cuda.default_stream())
            for _ in range(3):  # picks its kernels before they are recorded
                self._module(rows, *fixed)
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            drawn = self._module(rows, *fixed).float()
        return Recording(graph, rows, fixed, drawn)
