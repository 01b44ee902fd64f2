"""The order of work on a card that several threads use, each on a stream of its own.

On a processor all of this is nothing: there a call that returned is done.
"""

from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, closing, nullcontext

import torch
from torch import Tensor

from models.arrays import U8


class Fence:
    """Behind all that this thread has given its device to do."""

    def __init__(self, event: torch.cuda.Event | None) -> None:
        self._event = event

    @classmethod
    def here(cls, device: torch.device) -> "Fence":
        if device.type != "cuda":
            return cls(None)
        event = torch.cuda.Event()  # type: ignore[no-untyped-call]
        event.record(torch.cuda.current_stream(device))
        return cls(event)

    def wait(self, *used: Tensor) -> None:
        """What this thread gives next comes behind it, and may use what other streams made."""
        if self._event is None:
            return
        stream = torch.cuda.current_stream()
        stream.wait_event(self._event)
        for each in used:  # so that its memory is not given away before this stream is done
            each.record_stream(stream)


class Parcel:
    """Frames on their way from the device to the host."""

    def __init__(self, frames: Tensor) -> None:
        self._frames = torch.empty(frames.shape, dtype=frames.dtype, pin_memory=True)
        self._frames.copy_(frames, non_blocking=True)
        self._there = torch.cuda.Event()  # type: ignore[no-untyped-call]
        self._there.record()

    def opened(self) -> U8:
        self._there.synchronize()
        pixels: U8 = self._frames.numpy()
        return pixels


def delivered(batches: Generator[Tensor], device: torch.device) -> Iterator[U8]:
    """Batches on the host, made as they are asked for.

    On a card they come from a stream of their own, and the next one is under way while one
    travels and is used.
    """
    with closing(batches):
        if device.type == "cuda":
            yield from _from_card(batches, device)
            return
        while (frames := _made(batches, None)) is not None:
            yield frames.numpy()
            del frames  # whoever asked for it has the only one


def _from_card(batches: Iterator[Tensor], device: torch.device) -> Iterator[U8]:
    stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream(device))
    sent: Parcel | None = None
    while (frames := _made(batches, stream)) is not None:
        with torch.cuda.stream(stream):
            following = Parcel(frames)
        if sent is not None:
            yield sent.opened()
        sent = following
    if sent is not None:
        yield sent.opened()


def _made(batches: Iterator[Tensor], stream: "torch.cuda.Stream | None") -> Tensor | None:
    """The next one, on the stream; neither it nor the mode shows where batches are used."""
    on_it: AbstractContextManager[object] = torch.cuda.stream(stream) if stream else nullcontext()
    with torch.inference_mode(), on_it:
        return next(batches, None)
