"""What a graphics card does: `python -m tests.perf.bench_card [SECTION...]`, on a machine with one.

Networks have random weights of the real size. Needs neither Prefect nor a speech engine.
"""

import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import skimage.data
import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from models.assets import DEFAULT_CACHE
from models.clip import write_segment
from models.contracts import Look
from models.engines.choosing import TENSORRT
from models.engines.measure import moving_face
from models.engines.numerics import deviation
from models.engines.torch_engines import CudaGraphEngine, EagerEngine
from models.errors import EngineUnusable
from models.mesh.renderer import MeshRenderer
from models.motion.tracks import MotionTrack
from models.musetalk import loading as musetalk_loading
from models.musetalk.engines import COMPILED
from models.musetalk.networks import Networks, networks
from models.portrait.analyser import FaceAnalyser
from models.portrait.face import Face, Picture
from models.renderer import Home, Renderer, Span
from models.wav2lip import loading as wav2lip_loading
from models.wav2lip.engines import EAGER, GRAPH
from models.wav2lip.folding import Folded, fold
from tests.models.musetalk import published as musetalk
from tests.models.musetalk.random_parts import random_parts
from tests.models.renderers.scenes import lively
from tests.models.wav2lip import published as wav2lip
from tests.perf.card import (
    DEVICE,
    copy_gb_per_s,
    matrix_tflops,
    seconds_of,
    tflop_of,
    wall_seconds_of,
)
from tests.perf.table import report

Inputs = Callable[[int], tuple[Tensor, ...]]  # of so many frames: what is heard, and the maps

BATCHES = {"wav2lip": (8, 16, 32, 64, 128, 256), "musetalk": (1, 4, 8, 16, 32)}
RENDER_BATCHES = {"mesh": (8, 16, 32, 64), "wav2lip": (16, 32, 64), "musetalk": (8, 16)}
JOBS, FRAMES, FPS = (1, 2, 4, 8), 500, 25
PROFILED = 64  # frames
NETWORK = ["network", "engine", "batch", "frames/s", "of the matrix rate, %", "PSNR, dB", "why not"]
RENDERING = ["renderer", "batch", "frames/s on the host", "card's peak, MB"]
SHARING = [
    "renderer",
    "videos at once",
    "frames/s",
    "of one",
    "20 s videos an hour",
    "mixed batches",
]


def card() -> None:
    found = torch.cuda.get_device_properties(0)
    row = [found.name, found.total_memory >> 20, matrix_tflops(), copy_gb_per_s()]
    report("card", ["card", "memory, MB", "FP16 product, TFLOP/s", "copy, GB/s"], [row])


# -------------------------------------------------------------------------- through the networks


@dataclass(frozen=True)
class Network:
    name: str
    engines: dict[str, Callable[[], Any]]  # the first is the reference
    inputs: Inputs

    def rows(self) -> Iterator[list[object]]:
        reference = next(iter(self.engines.values()))()
        one = self.inputs(1)
        tflop = tflop_of(lambda: reference(*one))
        for name, make in self.engines.items():
            try:
                engine = make()
            except EngineUnusable as error:
                yield [self.name, name, *[None] * 4, str(error)]
                continue
            for batch in BATCHES[self.name]:
                yield [self.name, name, batch, *self._measured(engine, reference, batch, tflop), ""]

    def _measured(
        self,
        engine: Callable[..., Tensor],
        reference: Callable[..., Tensor],
        batch: int,
        tflop: float,
    ) -> tuple[float, float, float]:
        given = self.inputs(batch)
        rate = batch / seconds_of(lambda: engine(*given))
        apart = deviation(engine(*given).cpu(), reference(*given).cpu())
        return rate, 100 * tflop * rate / matrix_tflops(), apart.psnr_db


def wav2lip_network() -> Network:
    encoder, decoders = wav2lip_loading.parts_of(folded(), Home(device=DEVICE), "random")
    random = torch.Generator().manual_seed(1)
    maps = encoder(torch.rand(1, 6, 96, 96, generator=random).to(DEVICE))

    def inputs(frames: int) -> tuple[Tensor, ...]:
        mel = torch.rand(frames, 1, 80, 16, generator=random) * 8 - 4
        return mel.to(DEVICE), *maps

    half = torch.float16
    engines: dict[str, Callable[[], Any]] = {
        "eager FP32": partial(decoders.make, EAGER, maps),
        "eager FP16": lambda: EagerEngine(decoders._module().shortened(half), half),
        "CUDA graph FP32": lambda: CudaGraphEngine(decoders._module(), torch.float32),
        "CUDA graph FP16": partial(decoders.make, GRAPH, maps),
        "TensorRT": partial(decoders.make, TENSORRT, maps),
    }
    return Network("wav2lip", engines, inputs)


def musetalk_network() -> Network:
    parts = random_parts(Home(device=DEVICE))
    half, make = torch.float16, parts.decoders.make
    engines: dict[str, Callable[[], Any]] = {
        "eager FP32": partial(make, EAGER),
        "eager FP16": lambda: EagerEngine(parts.decoders._module(half), half),
        "CUDA graph FP16": partial(make, GRAPH),
        "compiled CUDA graph FP16": partial(make, COMPILED),
    }
    return Network("musetalk", engines, lambda frames: (parts.heard(frames), *parts.maps))


def through(network: Callable[[], Network]) -> None:
    with torch.inference_mode():
        found = network()
        report(f"card-{found.name}", NETWORK, list(found.rows()))


# ------------------------------------------------------------------------- frames, and whole videos


@cache
def folded() -> Folded:
    return fold(wav2lip.random_state())


@cache
def built() -> Networks:
    return networks(musetalk.random_state(musetalk.PUBLISHED))


@cache
def portrait() -> tuple[Picture, Face]:
    pixels = np.ascontiguousarray(skimage.data.astronaut())  # type: ignore[no-untyped-call]
    picture = Picture(pixels, None, "astronaut", "astronaut")
    return picture, FaceAnalyser(DEFAULT_CACHE).faces(picture)[0]


def renderer_of(name: str, batch: int) -> Renderer[Any]:
    home = Home(device=DEVICE, max_batch=batch)
    if name == "wav2lip":
        return wav2lip_loading.made_of(folded(), home)
    if name == "musetalk":
        return musetalk_loading.made_of(built(), home)
    return MeshRenderer(DEVICE, batch)


def track(frames: int, seed: int = 7) -> MotionTrack:
    """A face in which all moves, and that hears noise."""
    noise = lively(frames, seed)
    return replace(moving_face(frames), heard=noise.heard, sound=noise.sound)


@dataclass(frozen=True)
class Ready:
    renderer: Renderer[Any]
    prepared: Any

    @classmethod
    def of(cls, name: str, batch: int) -> "Ready":
        renderer = renderer_of(name, batch)
        return cls(renderer, renderer.prepare(*portrait(), Look()))

    def drain(self, motion: MotionTrack, frames: int) -> None:
        for _ in self.renderer.render(self.prepared, motion, Span(0, frames)):
            pass


def rendering() -> None:
    """Frames on the host, in RGB, not encoded."""
    rows: list[list[object]] = []
    motion = track(FRAMES)
    for name, batches in RENDER_BATCHES.items():
        for batch in batches:
            torch.cuda.reset_peak_memory_stats()
            ready = Ready.of(name, batch)
            ready.drain(motion, 2 * batch)
            work = partial(ready.drain, motion, FRAMES)
            taken = min(wall_seconds_of(work) for _ in range(2))
            rows.append([name, batch, FRAMES / taken, torch.cuda.max_memory_allocated() >> 20])
    report("card-rendering", RENDERING, rows)


def jobs() -> None:
    """Videos of 20 s rendered and encoded, so many at once in one process."""
    rows: list[list[object]] = []
    motions = [track(FRAMES, seed) for seed in range(max(JOBS))]
    with TemporaryDirectory() as folder:
        for name, batch in (("mesh", 32), ("wav2lip", 32), ("musetalk", 16)):
            ready, alone = Ready.of(name, batch), 0.0
            for count in JOBS:
                work = partial(_together, ready, motions[:count], Path(folder))
                rate = count * FRAMES / wall_seconds_of(work)
                alone = alone or rate
                shared = getattr(ready.renderer, "shared", None)
                mixed = "" if shared is None else f"{shared.mixed} of {shared.runs}"
                rows.append([name, count, rate, rate / alone, 3600 * rate / FRAMES, mixed])
    report("card-jobs", SHARING, rows)


def _together(ready: Ready, motions: list[MotionTrack], folder: Path) -> None:
    def one(job: int) -> None:
        out, span = folder / f"{job}.mp4", Span(0, FRAMES)
        write_segment(ready.renderer, ready.prepared, motions[job], span, Look(), out)

    threads = [threading.Thread(target=one, args=(job,)) for job in range(len(motions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def kernels() -> None:
    """Where the time goes, by kernel."""
    for name in RENDER_BATCHES:
        ready, motion = Ready.of(name, RENDER_BATCHES[name][-1]), track(PROFILED)
        ready.drain(motion, PROFILED)
        with profile(activities=[ProfilerActivity.CUDA, ProfilerActivity.CPU]) as found:
            ready.drain(motion, PROFILED)
            torch.cuda.synchronize()
        print(name, found.key_averages().table(sort_by="cuda_time_total", row_limit=14))


SECTIONS: dict[str, Callable[[], None]] = {
    "card": card,
    "wav2lip": partial(through, wav2lip_network),
    "musetalk": partial(through, musetalk_network),
    "rendering": rendering,
    "jobs": jobs,
    "kernels": kernels,
}


def main(names: list[str]) -> None:
    if not torch.cuda.is_available():
        raise SystemExit("no CUDA device: this benchmark needs an NVIDIA card")
    for name in names or list(SECTIONS):
        print(f"{name}: {wall_seconds_of(SECTIONS[name]):.1f} s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
