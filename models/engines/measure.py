"""Times one way of rendering in a process of its own, so that its memory is its own too.

`python -m models.engines.measure MODELS PORTRAIT FRAMES THREADS CANDIDATE` prints a Measured.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.engines.processor import has_bfloat16
from models.engines.tuning import Candidate, Measured
from models.renderer import Home
from models.weights.folder import FOLDER, WeightsFolder

if TYPE_CHECKING:
    from models.arrays import F32
    from models.contracts import Look
    from models.engines.numerics import Deviation
    from models.motion.tracks import MotionTrack
    from models.portrait.face import Face, Picture
    from models.renderer import Renderer

BATCHES, NETWORK_BATCHES = (1, 2, 4, 8, 16, 32), (8, 16, 32)
FPS = 25
LIMIT_S = 300.0
OPENCV, TORCH, BF16 = "opencv", "torch", "bf16"
# Of the networks' own modules, which are heavy: on a processor, and on a card.
ENGINES = {
    "wav2lip": (
        ("eager", "winograd", BF16, "onnx", "onnx-int8"),
        ("eager", "cuda-graph", "tensorrt", "tensorrt-int8"),
    ),
    "musetalk": (("eager", BF16), ("eager", "cuda-graph", "compiled-graph", "tensorrt")),
}
FEW = 2  # frames at once where one takes seconds: musetalk on a processor
LEAST_DB = 30.0  # of a network's pictures against FP32's
REPEATS = 3  # the best counts: another process may have been busy


def candidates(device: str, resolution: int, models: Path) -> list[Candidate]:
    """All that exist for the device and the weights that are here."""
    on_cpu = device == "cpu"
    ways = [("mesh", each) for each in ((OPENCV, TORCH) if on_cpu else (TORCH,))]
    batches = {"mesh": BATCHES, "wav2lip": NETWORK_BATCHES}
    batches["musetalk"] = (FEW,) if on_cpu else NETWORK_BATCHES
    for network, engines in ENGINES.items():
        if WeightsFolder(models / FOLDER).has(network):
            here = engines[0 if on_cpu else 1]
            ways += [(network, each) for each in here if each != BF16 or has_bfloat16()]
    return [
        Candidate(renderer=name, device=device, engine=engine, batch=batch, resolution=resolution)
        for name, engine in ways
        for batch in batches[name]
    ]


def measure_apart(
    candidate: Candidate, models: Path, portrait: Path, frames: int, threads: int
) -> Measured:
    """In a new process; what fails there, out of memory for one, is a finding and no error."""
    command = [sys.executable, "-m", "models.engines.measure"]
    given = [str(models), str(portrait), str(frames), str(threads), candidate.model_dump_json()]
    try:
        done = subprocess.run(
            command + given, capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return Measured(candidate=candidate, error=f"not done within {LIMIT_S:g} s")
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"ended with {done.returncode}"])[-1]
        return Measured(candidate=candidate, error=reason)
    return Measured.model_validate_json(done.stdout)


def measure(
    candidate: Candidate, models: Path, portrait: Path, frames: int, threads: int
) -> Measured:
    """Frames a second of rendering alone, without preparing and encoding."""
    import torch

    from models.contracts import Look
    from models.portrait.analyser import FaceAnalyser
    from models.portrait.image import load_picture
    from models.renderer import Span

    picture = load_picture(portrait)
    face = FaceAnalyser(models).faces(picture)[0]
    look = Look.model_validate({"resolution": candidate.resolution})
    if candidate.batch == FEW and candidate.renderer == "musetalk":
        frames = FEW
    motion, began = moving_face(frames), time.perf_counter()
    renderer, apart, motion = _loaded(candidate, models, (picture, face), look, motion, threads)
    cold_s = time.perf_counter() - began
    prepared = renderer.prepare(picture, face, look)
    for _ in renderer.render(prepared, motion, Span(0, min(frames, candidate.batch))):
        pass  # the first batch also compiles and allocates
    best = min(
        _seconds(renderer.render(prepared, motion, Span(0, frames)), candidate.device)
        for _ in range(REPEATS)
    )
    on_gpu = candidate.device.startswith("cuda")
    return Measured(
        candidate=candidate,
        frames_per_s=frames / best,
        peak_mb=_peak_mb(),
        gpu_peak_mb=torch.cuda.max_memory_allocated() >> 20 if on_gpu else 0,
        cold_s=cold_s,
        psnr_db=None if apart is None else apart.psnr_db,
        largest=None if apart is None else apart.largest,
        error=_told(apart),
    )


def _told(apart: "Deviation | None") -> str:
    if apart is None or apart.psnr_db >= LEAST_DB:
        return ""
    return f"its pictures are off by {apart.psnr_db:.1f} dB; {LEAST_DB:g} is the least"


def _seconds(batches: Iterator[Any], device: str) -> float:
    began = time.perf_counter()
    for _ in batches:  # a batch is on the host when it arrives: nothing is left to wait for
        pass
    return time.perf_counter() - began


def _loaded(
    candidate: Candidate,
    models: Path,
    portrait: "tuple[Picture, Face]",
    look: "Look",
    motion: "MotionTrack",
    threads: int,
) -> "tuple[Renderer[Any], Deviation | None, MotionTrack]":
    """The renderer, how far it is from the reference, and the motion as it needs it."""
    home = Home(
        candidate.device,
        models / FOLDER,
        models / "plans",
        max_batch=candidate.batch,
        threads=threads,
    )
    if candidate.renderer == "wav2lip":
        from models.wav2lip.measuring import heard, ready

        rows = heard(len(motion), Fraction(FPS))
        lips = ready(candidate.engine, home, portrait, look, rows)
        return lips.renderer, lips.deviation, replace(motion, heard=rows)
    if candidate.renderer == "musetalk":
        from models.musetalk import measuring

        sound = measuring.sound(len(motion), Fraction(FPS))
        mouth = measuring.ready(candidate.engine, home, portrait, look, sound)
        return mouth.renderer, mouth.deviation, replace(motion, sound=sound)
    from models.mesh.renderer import MeshRenderer
    from models.mesh.sampling import CpuSampler, TorchSampler

    sampler = CpuSampler() if candidate.engine == OPENCV else TorchSampler()
    return MeshRenderer(candidate.device, candidate.batch, sampler), None, motion


def moving_face(frames: int) -> "MotionTrack":
    """A face in which everything moves all the time: the dearest that a frame can be."""
    import numpy as np

    from models.motion.tracks import MOUTH_CHANNELS, MotionTrack

    def waves(columns: int, height: float) -> "F32":
        time_s = np.arange(frames, dtype=np.float32)[:, None] / FPS
        rates_hz = 0.7 + 0.3 * np.arange(columns, dtype=np.float32)
        return (height * (0.5 + 0.5 * np.sin(2 * np.pi * rates_hz * time_s))).astype(np.float32)

    return MotionTrack(
        mouth=waves(len(MOUTH_CHANNELS), 0.1),
        blink=waves(1, 1.0)[:, 0],
        gaze=waves(2, 0.02),
        brow=waves(1, 0.02)[:, 0],
        head=waves(5, 0.05),
    )


def _peak_mb() -> int:
    """The most that this process ever held; not what its parent did, as getrusage would say."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) >> 10
    return 0


def main() -> None:
    import torch

    models, portrait, frames, threads, document = sys.argv[1:]
    torch.set_num_threads(1)  # as where videos are made: only networks have more
    candidate = Candidate.model_validate_json(document)
    done = measure(candidate, Path(models), Path(portrait), int(frames), int(threads))
    sys.stdout.write(done.model_dump_json())


if __name__ == "__main__":
    main()
