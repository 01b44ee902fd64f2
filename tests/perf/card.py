"""Timing a graphics card by its own clock, and its ceilings."""

import time
from collections.abc import Callable
from functools import cache
from statistics import median

import torch
from torch.utils.flop_counter import FlopCounterMode

DEVICE = "cuda"
SIDE = 8192  # of the matrices whose product is the ceiling
COPIED = 2 << 30  # bytes
Work = Callable[[], object]


def seconds_of(work: Work) -> float:
    """Of one call: the median of ten after three."""
    for _ in range(3):
        work()
    return median(_elapsed(work) for _ in range(10))


def _elapsed(work: Work) -> float:
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
    begin.record()
    work()
    end.record()
    end.synchronize()
    return float(begin.elapsed_time(end)) / 1000


def wall_seconds_of(work: Work) -> float:
    """By the host's clock, until the card has done all of it."""
    torch.cuda.synchronize()
    began = time.perf_counter()
    work()
    torch.cuda.synchronize()
    return time.perf_counter() - began


@cache
def matrix_tflops() -> float:
    """Of a large product of 16-bit floats, random ones: zeros are faster."""
    a, b = (torch.randn(SIDE, SIDE, device=DEVICE, dtype=torch.float16) for _ in range(2))
    return 2 * SIDE**3 / seconds_of(lambda: torch.mm(a, b)) / 1e12


def copy_gb_per_s() -> float:
    """Bytes read and bytes written."""
    source = torch.randint(255, (COPIED,), dtype=torch.uint8, device=DEVICE)
    target = torch.empty_like(source)
    return 2 * COPIED / seconds_of(lambda: target.copy_(source)) / 1e9


def tflop_of(work: Work) -> float:
    """What its products and convolutions are, counted by torch."""
    with FlopCounterMode(display=False) as counter:
        work()
    return float(counter.get_total_flops()) / 1e12
