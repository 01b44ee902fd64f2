"""Fewer frames at once where memory is short."""

import subprocess
import sys

import pytest
import torch
from torch import Tensor

from models.engines.memory import BatchLimit, give_back, in_batches, is_out_of_memory
from models.errors import OutOfMemory
from models.renderer import Span
from tests.resident import resident_bytes


def test_the_rest_comes_in_smaller_parts(caplog: pytest.LogCaptureFixture) -> None:
    def make(part: Span) -> Tensor:
        if part.stop - part.first > 3 and part.first >= 8:
            raise MemoryError
        return torch.arange(part.first, part.stop)

    limit = BatchLimit(8)
    parts = list(in_batches(Span(0, 15), limit, make))
    assert torch.equal(torch.cat(parts), torch.arange(15))
    assert [len(part) for part in parts] == [8, 2, 2, 2, 1]
    assert limit.frames == 2
    assert len(caplog.records) == 2


def test_one_frame_too_much_says_what_to_do() -> None:
    def make(part: Span) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(OutOfMemory, match="render at a lower resolution"):
        next(in_batches(Span(0, 5), BatchLimit(4), make))


def test_other_errors_are_nobody_s_memory() -> None:
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not is_out_of_memory(ValueError("out of memory"))


CAPPED = """
import resource, torch
from models.engines.memory import BatchLimit, in_batches
from models.renderer import Span

torch.zeros(1)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (300 << 20), used + (300 << 20)))
limit = BatchLimit(16)
make = lambda part: torch.ones(part.stop - part.first, 64 << 18)  # 64 MiB each
print(sum(len(part) for part in in_batches(Span(0, 21), limit, make)), limit.frames)
"""


def test_a_real_cap_on_memory_halves_the_batch() -> None:
    """The limit is the kernel's; what is refused is torch's own allocator."""
    done = subprocess.run(
        [sys.executable, "-c", CAPPED], capture_output=True, text=True, check=True
    )
    frames, at_once = map(int, done.stdout.split())
    assert frames == 21
    assert 1 <= at_once <= 4


def test_free_memory_below_what_is_still_used_goes_back_to_the_system() -> None:
    """As after loading: copies were freed, and something behind them stays."""
    blocks = [bytearray(60_000) for _ in range(3000)]
    last = blocks.pop()
    held = resident_bytes()
    blocks.clear()
    give_back()
    assert held - resident_bytes() > 100e6
    assert not any(last)
