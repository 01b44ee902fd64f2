"""MuseTalk's UNet and VAE decoder alone: `python -m tests.perf.bench_musetalk [WHAT...]`.

Random weights of the published size. On a card every batch size and the share of its measured
matrix rate; on a processor a batch of two in FP32 and 16 bits.
"""

import resource
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from models.engines.numerics import deviation
from models.engines.torch_engines import CudaGraphEngine, EagerEngine
from models.errors import EngineUnusable
from models.musetalk.blocks import Norm
from models.musetalk.engines import BF16, COMPILED, EAGER, GRAPH, Engine
from models.renderer import Home
from tests.models.musetalk.random_parts import RandomParts, random_parts
from tests.perf.table import report

BATCHES_ON_CARD, BATCHES = (8, 16, 32), (2,)
EAGER_HALF, TORCH_NORMS, KERNELS = "eager-fp16", "torch-norms", "kernels"
ON_CARD, ON_CPU = (EAGER_HALF, GRAPH, TORCH_NORMS, KERNELS, COMPILED), (EAGER, BF16)
SLOW = (COMPILED,)  # a minute or two for each batch size
COLUMNS = [
    *("engine", "batch", "frames/s", "ms a frame", "TFLOP/s", "of the matrix rate, %"),
    *("PSNR, dB", "memory, MB", "first call, s", "why not"),
]


def main(names: list[str]) -> None:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.backends.cudnn.benchmark = True
    parts = random_parts(Home(device=device))
    tflop = flops_a_frame(parts) / 1e12
    print(f"{tflop:.3f} TFLOP a frame", flush=True)
    rate = matrix_tflops(device)
    rows: list[list[object]] = []
    for name in names or (ON_CARD if device == "cuda" else ON_CPU):
        if name == KERNELS:
            kernels(parts)
            continue
        try:
            rows += engine_rows(name, parts, tflop, rate)
        except (EngineUnusable, RuntimeError) as error:  # compilers fail in many ways
            rows.append([name, *[None] * 8, str(error).splitlines()[0][:80]])
    report(f"musetalk-{device}", COLUMNS, rows)


def engine_rows(name: str, parts: RandomParts, tflop: float, rate: float) -> Iterator[list[object]]:
    on_card = torch.device(parts.decoders.home.device).type == "cuda"
    engine = engine_of(name, parts)
    batches = BATCHES_ON_CARD if on_card else BATCHES
    for batch in batches[1:2] if name in SLOW else batches:
        heard = parts.heard(batch)
        with torch.inference_mode():
            began = time.perf_counter()
            drawn = engine(heard, *parts.maps).cpu()
            first_s = time.perf_counter() - began
            taken = seconds_of(lambda: engine(heard, *parts.maps), on_card)  # noqa: B023
        found = [batch / taken, 1000 * taken / batch, tflop * batch / taken]
        share = 100 * found[2] / rate
        apart = deviation(drawn[:1], reference(parts, heard)).psnr_db
        print(name, batch, found, flush=True)
        yield [name, batch, *found, share, apart, memory_mb(on_card), first_s, ""]


def engine_of(name: str, parts: RandomParts) -> Engine:
    module = parts.decoders._module
    if name == EAGER_HALF:
        return EagerEngine(module(torch.float16), torch.float16)
    if name == TORCH_NORMS:
        return CudaGraphEngine(by_torch(module(torch.float16)), torch.float16)
    return parts.decoders.make(name)


def by_torch(module: nn.Module) -> nn.Module:
    """With torch's own group norms, which lay out their inputs anew."""
    for each in module.modules():
        if isinstance(each, Norm):
            each.by_sums = each.by_torch  # type: ignore[method-assign]
    return module


def kernels(parts: RandomParts) -> None:
    """Where the time of 16 frames goes on a card."""
    engine, heard = engine_of(EAGER_HALF, parts), parts.heard(16)
    with torch.inference_mode():
        engine(heard, *parts.maps)
        with profile(activities=[ProfilerActivity.CUDA]) as found:
            engine(heard, *parts.maps)
            torch.cuda.synchronize()
    averages = found.key_averages()
    print(averages.table(sort_by="cuda_time_total", row_limit=25, max_name_column_width=70))


def reference(parts: RandomParts, heard: Tensor) -> Tensor:
    """The first frame in FP32."""
    with torch.inference_mode():
        return exact(parts)(heard[:1], *parts.maps).cpu()


@cache
def exact(parts: RandomParts) -> Engine:
    return parts.decoders.make(EAGER)


def flops_a_frame(parts: RandomParts) -> int:
    """Of the decoder as it is folded: counted by torch while one frame is drawn."""
    module: nn.Module = parts.decoders._module(torch.float32)
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        module(parts.heard(1), *parts.maps)
    return int(counter.get_total_flops())


def matrix_tflops(device: str) -> float:
    """What the device reaches on a large product, in 16 bits on a card."""
    kind, size = (torch.float16, 8192) if device == "cuda" else (torch.float32, 1024)
    a, b = (torch.randn(size, size, device=device, dtype=kind) for _ in range(2))
    return 2 * size**3 / seconds_of(lambda: torch.mm(a, b), device == "cuda") / 1e12


def seconds_of(work: Callable[[], Any], on_card: bool) -> float:
    """The median of ten calls on a card, of two on a processor, after the first ones."""
    return median(_once(work, on_card) for _ in range(14 if on_card else 2))


def _once(work: Callable[[], Any], on_card: bool) -> float:
    if not on_card:
        began = time.perf_counter()
        work()
        return time.perf_counter() - began
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
    begin.record()
    work()
    end.record()
    end.synchronize()
    return float(begin.elapsed_time(end)) / 1000


def memory_mb(on_card: bool) -> int:
    if on_card:
        return torch.cuda.max_memory_allocated() >> 20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


if __name__ == "__main__":
    main(sys.argv[1:])
