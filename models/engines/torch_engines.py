"""Torch's own ways to run a module whose first input is a batch and whose others are constant."""

from pathlib import Path

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

    def __init__(self, module: nn.Module, kind: torch.dtype = torch.float32) -> None:
        self._module = laid_out(module)
        self._kind = kind

    def __call__(self, batch: Tensor, *constant: Tensor) -> Tensor:
        same = [each.to(self._kind, memory_format=torch.channels_last) for each in constant]
        drawn: Tensor = self._module(batch, *same)
        return drawn.float()


class CudaGraphEngine:
    """One launch a batch: the module's kernels recorded once, at a fixed batch size.

    What it returns is overwritten by the next call.
    """

    def __init__(self, module: nn.Module, kind: torch.dtype, batch: int) -> None:
        """Raises EngineUnusable."""
        if not torch.cuda.is_available():
            raise EngineUnusable("CUDA graphs need an NVIDIA card that torch can use")
        self._module = laid_out(module)
        self._kind, self._size = kind, batch
        self._graph: torch.cuda.CUDAGraph | None = None

    def __call__(self, batch: Tensor, *constant: Tensor) -> Tensor:
        if self._graph is None:
            self._graph = self._record(batch, constant)
        self._batch[: len(batch)].copy_(batch)
        for place, value in zip(self._constant, constant, strict=True):
            place.copy_(value)
        self._graph.replay()
        drawn: Tensor = self._drawn[: len(batch)]
        return drawn

    def _record(self, batch: Tensor, constant: tuple[Tensor, ...]) -> torch.cuda.CUDAGraph:
        self._batch = batch.new_zeros(self._size, *batch.shape[1:])
        self._constant = [
            each.to(self._kind, memory_format=torch.channels_last).clone() for each in constant
        ]
        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):  # picks its kernels before they are recorded
                self._module(self._batch, *self._constant)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._drawn = self._module(self._batch, *self._constant).float()
        return graph


def has_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 itself: elsewhere it is slower than FP32."""
    flags = Path("/proc/cpuinfo")
    return flags.is_file() and "avx512_bf16" in flags.read_text(encoding="ascii", errors="ignore")
