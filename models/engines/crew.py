"""A module on a processor: threads that each draw a few rows, none waits for another inside."""

from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor, nn

from models.engines.torch_engines import EagerEngine, laid_out
from models.renderer import Home

ROWS = 4  # at once: no slower than more, and whatever the number of threads draws the same


class CrewEngine:
    """Called like the module. Torch itself should have one thread, as where videos are made.

    Torch's own way, all threads in every layer, waits for the slowest at each: on a core that also
    moves heads and encodes, that is most of the time.
    """

    mixes = True  # constants may differ from row to row

    def __init__(
        self, module: nn.Module, kind: torch.dtype = torch.float32, threads: int = 1
    ) -> None:
        self._module, self._kind = laid_out(module), kind
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="network")

    def __call__(self, batch: Tensor, *constant: Tensor) -> Tensor:
        same = [each.to(self._kind, memory_format=torch.channels_last) for each in constant]
        places = [slice(first, first + ROWS) for first in range(0, len(batch), ROWS)]

        def drawn(place: slice) -> Tensor:
            own = [each if len(each) == 1 else each[place] for each in same]
            with torch.inference_mode():  # each thread has a mode of its own
                made: Tensor = self._module(batch[place], *own)
                return made.float()

        return torch.cat(list(self._pool.map(drawn, places)))


def eager(
    module: nn.Module, home: Home, kind: torch.dtype = torch.float32
) -> CrewEngine | EagerEngine:
    """Torch's own kernels, whichever way keeps this device busy."""
    if torch.device(home.device).type == "cpu":
        return CrewEngine(module, kind, home.threads)
    return EagerEngine(module, kind)
