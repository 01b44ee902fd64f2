"""How many frames a device holds at once: fewer, for good, once its memory was too small."""

import ctypes
import logging
from collections.abc import Callable, Generator

import torch
from torch import Tensor

from models.errors import OutOfMemory
from models.renderer import Span

REFUSED = ("out of memory", "can't allocate memory", "not enough memory", "Insufficient memory")

log = logging.getLogger(__name__)


class BatchLimit:
    """Frames at once."""

    def __init__(self, frames: int) -> None:
        self.frames = frames

    def halve(self, reason: Exception) -> None:
        """Raises OutOfMemory where one frame was too much."""
        if self.frames == 1:
            raise OutOfMemory(
                "not even one frame fits into the memory: render at a lower resolution, or on a "
                "device with more"
            ) from reason
        self.frames //= 2
        log.warning("out of memory: %d frames at once from now on", self.frames)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def is_out_of_memory(error: Exception) -> bool:
    """Of the device's, torch's CPU allocator's, OpenCV's or Python's."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in REFUSED)


def in_batches(span: Span, limit: BatchLimit, make: Callable[[Span], Tensor]) -> Generator[Tensor]:
    """What `make` makes of the span's parts, as large as the limit allows.

    Raises OutOfMemory.
    """
    first = span.first
    while first < span.stop:
        part = Span(first, min(first + limit.frames, span.stop))
        try:
            frames = make(part)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            limit.halve(error)
            continue
        yield frames
        del frames
        first = part.stop


def give_back() -> None:
    """Free parts of the C library's heap to the system: loading weights leaves a copy's worth.

    Other C libraries than glibc have no such call.
    """
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return
    trim(0)
