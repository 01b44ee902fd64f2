"""Every way to run the lip decoder, behind one call; the best that can be had is taken."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from models.engines.calibrate import measured_ranges
from models.engines.choosing import TENSORRT, first_usable, wanted
from models.engines.crew import CrewEngine, eager
from models.engines.graph import Int8
from models.engines.numerics import deviation
from models.engines.onnx_runtime import OnnxEngine
from models.engines.plans import Plans, key_here
from models.engines.processor import has_bfloat16
from models.engines.torch_engines import CudaGraphEngine
from models.engines.winograd import quickened
from models.errors import EngineUnusable
from models.renderer import Home
from models.wav2lip.export import AUDIO, OUTPUT, scopes_of, write
from models.wav2lip.folding import Folded
from models.wav2lip.network import LipDecoder, Maps, Trim

EAGER, WINOGRAD, BF16, ONNX, ONNX_INT8 = "eager", "winograd", "bf16", "onnx", "onnx-int8"
GRAPH, TENSORRT_INT8 = "cuda-graph", "tensorrt-int8"
ON_CPU, ON_GPU = (EAGER, WINOGRAD, BF16, ONNX, ONNX_INT8), (EAGER, GRAPH, TENSORRT, TENSORRT_INT8)
INT8_DB = 30.5  # of a calibration batch against FP32: a little more than a video must keep

Engine = Callable[..., Tensor]  # (B, 1, 80, 16) and a face's maps to (B, 3, h, S), 0..1
Sample = tuple[Tensor, ...]  # what it is called with

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Decoders:
    """Makes engines of one network's weights for one process."""

    folded: Folded
    trim: Trim
    identity: str  # of the weights
    home: Home
    batch: int

    def names(self) -> tuple[str, ...]:
        return ON_CPU if torch.device(self.home.device).type == "cpu" else ON_GPU

    def make(self, name: str, maps: Maps, samples: Sequence[Sample] = ()) -> Engine:
        """INT8 needs `samples` to calibrate with, where no plan is there yet.

        Raises EngineUnusable.
        """
        if name == EAGER:
            return eager(self._module(), self.home)
        if name == WINOGRAD:
            return eager(quickened(self._module()), self.home)
        if name == BF16:
            module = self._module().shortened(torch.bfloat16)
            return eager(module, self.home, torch.bfloat16)
        if name == GRAPH:
            half = torch.float16 if self.home.half else torch.float32
            return CudaGraphEngine(self._module().shortened(half), half)
        if name in (ONNX, ONNX_INT8):
            plan = self._plan(name, maps, samples, Path.write_bytes)
            return CrewEngine(OnnxEngine(plan, threads=1), self.home.threads)
        if name in (TENSORRT, TENSORRT_INT8):
            from models.engines.tensorrt import TensorRTEngine, build, library

            library()
            made = self._plan(name, maps, samples, partial(_swapped, build, self.batch))
            return TensorRTEngine(made)
        raise EngineUnusable(f"no engine {name!r}: there are {', '.join((*ON_CPU, *ON_GPU[1:]))}")

    def best(self, maps: Maps) -> tuple[str, Engine]:
        """The first of the preferred ones that can be had here; others are told in one line."""
        return first_usable(wanted(self.home, self._usual()), lambda name: self.make(name, maps))

    def _usual(self) -> list[str]:
        if torch.device(self.home.device).type == "cuda":
            return [GRAPH, EAGER]
        return [BF16 if self.home.half and has_bfloat16() else WINOGRAD, EAGER]

    @property
    def _drawn_shape(self) -> tuple[int | str, ...]:
        size = self.folded.layout.size
        return "batch", 3, size - self.trim.top, size

    def _module(self) -> LipDecoder:
        return LipDecoder(self.folded, self.trim).to(self.home.device)

    def _plan(
        self,
        name: str,
        maps: Maps,
        samples: Sequence[Sample],
        store: Callable[[Path, bytes], object],
    ) -> Path:
        shapes = ",".join(str(tuple(each.shape)) for each in maps)
        key = key_here(f"{self.identity} {shapes}", name, self.home.device)

        def build(target: Path) -> None:
            on_cpu = LipDecoder(self.folded, self.trim)
            small = (
                self._int8(on_cpu, maps, samples, signed=name == TENSORRT_INT8)
                if name.endswith("int8")
                else None
            )
            store(target, write(on_cpu, maps, small).model(OUTPUT, self._drawn_shape))

        plans = Plans(self.home.plans)
        if name.endswith("int8") and not samples and plans.find(key) is None:
            raise EngineUnusable(f"{name} is not calibrated here: run the flow optimize-engines")
        return plans.get(key, build)

    def _int8(
        self, decoder: LipDecoder, maps: Maps, samples: Sequence[Sample], *, signed: bool
    ) -> Int8:
        """As much as keeps the picture: stages go back to FP32, the cheapest first, until it does.

        What hears the sound always stays FP32, as it does in 16 bits.
        """
        threads, shape = self.home.threads, self._drawn_shape
        whole = write(decoder, maps)
        ranges = measured_ranges(whole, OUTPUT, samples, threads)
        told = samples[-1]
        reference = OnnxEngine(whole.model(OUTPUT, shape), threads)(*told)
        scopes = [scope for scope in scopes_of(decoder) if scope != AUDIO]
        for kept in range(len(scopes)):
            small = Int8(ranges, frozenset(scopes[kept:]), signed=signed)
            drawn = OnnxEngine(write(decoder, maps, small).model(OUTPUT, shape), threads)(*told)
            found = deviation(drawn, reference)
            log.info("INT8 but for %d stages: %.1f dB", kept, found.psnr_db)
            if found.psnr_db >= INT8_DB:
                return small
        raise EngineUnusable(f"in INT8 no stage keeps {INT8_DB:g} dB: use another engine")


def _swapped(
    build: Callable[[bytes, Path, int], None], batch: int, target: Path, model: bytes
) -> None:
    build(model, target, batch)
