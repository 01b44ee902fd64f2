"""A network on a processor: threads that each draw a few rows, none waits for another inside."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor, nn

from models.engines.torch_engines import EagerEngine
from models.renderer import Home

ROWS = 4  # at once: with so few channels no slower than more, and any number of threads is busy

Draw = Callable[..., Tensor]  # (B, ...) and constants to (B, ...), on the thread that calls it


class CrewEngine:
    """Called like what it calls. Torch itself should have one thread, as where videos are made.

    A library's own way, all threads in every layer, waits for the slowest at each: on a core that
    also moves heads and encodes, that is most of the time.
    """

    def __init__(self, draw: Draw, threads: int, rows: int = ROWS) -> None:
        """`rows` at once, so that the number of threads shows in no frame."""
        self.draw, self._rows = draw, rows
        self.mixes = getattr(draw, "mixes", False)  # constants may differ from row to row
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="network")

    def __call__(self, batch: Tensor, *constant: Tensor) -> Tensor:
        rows = self._rows
        places = [slice(first, first + rows) for first in range(0, len(batch), rows)]

        def drawn(place: slice) -> Tensor:
            own = [each if len(each) == 1 else each[place] for each in constant]
            with torch.inference_mode():  # each thread has a mode of its own
                return self.draw(batch[place], *own)

        return torch.cat(list(self._pool.map(drawn, places)))


def eager(
    module: nn.Module, home: Home, kind: torch.dtype = torch.float32, rows: int = ROWS
) -> CrewEngine | EagerEngine:
    """Torch's own kernels, whichever way keeps this device busy."""
    engine = EagerEngine(module, kind)
    on_cpu = torch.device(home.device).type == "cpu"
    return CrewEngine(engine, home.threads, rows) if on_cpu else engine
