"""Every way to run the lip decoder, behind one call; the best that can be had is taken."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from models.engines.choosing import TENSORRT, first_usable, wanted
from models.engines.crew import eager
from models.engines.plans import Plans, key_here
from models.engines.processor import has_bfloat16
from models.engines.torch_engines import CudaGraphEngine
from models.errors import EngineUnusable
from models.motion.tracks import HEARD_STEPS
from models.musetalk.export import MAPS, write
from models.musetalk.layout import LATENT
from models.musetalk.network import LipDecoder
from models.musetalk.networks import Networks
from models.renderer import Home

EAGER, BF16 = "eager", "bf16"
GRAPH, COMPILED = "cuda-graph", "compiled-graph"
ON_CPU, ON_GPU = (EAGER, BF16), (EAGER, GRAPH, COMPILED, TENSORRT)
ROWS = 1  # that a processor's thread draws at once: one takes seconds

Engine = Callable[..., Tensor]  # (B, T, D) and a portrait's maps to (B, 3, h, 256), RGB 0..1
Module = TypeVar("Module", bound=nn.Module)


@dataclass(frozen=True)
class Decoders:
    """Makes engines of one set of weights for one process."""

    built: Networks
    top: int  # first row of the face that is drawn
    home: Home
    identity: str  # of the weights
    batch: int

    def names(self) -> tuple[str, ...]:
        return ON_CPU if torch.device(self.home.device).type == "cpu" else ON_GPU

    def make(self, name: str) -> Engine:
        """Raises EngineUnusable."""
        if name == EAGER:
            return eager(self._module(torch.float32), self.home, rows=ROWS)
        if name == BF16:
            return eager(self._module(torch.bfloat16), self.home, torch.bfloat16, ROWS)
        half = torch.float16 if self.home.half else torch.float32
        if name == GRAPH:
            return CudaGraphEngine(self._module(half), half)
        if name == COMPILED:
            return CudaGraphEngine(_compiled(self._module(half)), half)
        if name == TENSORRT:
            return self._tensorrt()
        raise EngineUnusable(f"no engine {name!r}: there are {', '.join((*ON_CPU, *ON_GPU[1:]))}")

    def best(self) -> tuple[str, Engine]:
        """The first of the preferred ones that can be had here; others are told in one line."""
        return first_usable(wanted(self.home, self._usual()), self.make)

    def _usual(self) -> list[str]:
        if torch.device(self.home.device).type == "cuda":
            return [GRAPH, EAGER]
        return [BF16, EAGER] if self.home.half and has_bfloat16() else [EAGER]

    def _tensorrt(self) -> Engine:
        from models.engines.tensorrt import TensorRTEngine, build, library

        library()
        layout = self.built.layout
        tokens = HEARD_STEPS * layout.states

        def make(target: Path) -> None:
            heard = torch.zeros(1, tokens, layout.ear_width, device=self.home.device)
            shape = 1, layout.channels[0], LATENT, LATENT
            maps = (torch.zeros(shape, device=self.home.device),) * len(MAPS)
            build(write(self._module(torch.float16), heard, maps), target, self.batch)

        key = key_here(f"{self.identity} {self.top}", TENSORRT, self.home.device)
        return TensorRTEngine(Plans(self.home.plans).get(key, make))

    def _module(self, kind: torch.dtype) -> LipDecoder:
        return moved(LipDecoder(self.built, self.top), torch.device(self.home.device), kind)


def moved(module: Module, device: torch.device, kind: torch.dtype = torch.float32) -> Module:
    """The same on a device; the weights of the one given stay as they are.

    They are shared where they need not change: nothing is twice in memory while it is converted.
    """
    ready = {
        id(each): nn.Parameter(each.to(device, kind), requires_grad=False)
        for each in module.parameters()
    }
    return copy.deepcopy(module, ready)


def _compiled(module: LipDecoder) -> LipDecoder:
    """Its norms, activations and sums fused into few kernels, which takes a minute or two.

    Raises EngineUnusable.
    """
    if not torch.cuda.is_available():
        raise EngineUnusable("compiled CUDA graphs need an NVIDIA card that torch can use")
    module.compile(dynamic=False)
    return module
