"""What a renderer holds after loading, after preparing a portrait, and after rendering.

`python -m tests.perf.memory_split MODELS PORTRAIT FRAMES THREADS CANDIDATE`, in a process of its
own: with the renderer and nothing to compare it with, as a worker has it.
"""

import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import torch

from models.contracts import Contract, Look
from models.engines.measure import FPS, moving_face
from models.engines.tuning import Candidate
from models.portrait.analyser import FaceAnalyser
from models.portrait.image import load_picture
from models.renderer import Home, Span
from models.renderers import load_renderer
from models.wav2lip.measuring import heard
from models.weights.folder import FOLDER


class Split(Contract):
    """Peak resident megabytes of the process so far."""

    loaded_mb: int
    prepared_mb: int
    rendered_mb: int


def split_apart(
    candidate: Candidate, models: Path, portrait: Path, frames: int, threads: int
) -> Split | None:
    """In a new process; None where it fails."""
    command = [sys.executable, "-m", "tests.perf.memory_split"]
    given = [str(models), str(portrait), str(frames), str(threads), candidate.model_dump_json()]
    done = subprocess.run(command + given, capture_output=True, text=True, check=False)
    return None if done.returncode else Split.model_validate_json(done.stdout)


def split(candidate: Candidate, models: Path, portrait: Path, frames: int, threads: int) -> Split:
    picture, motion = load_picture(portrait), moving_face(frames)
    face = FaceAnalyser(models).faces(picture)[0]
    renderer = load_renderer(candidate.renderer, home_of(candidate, models, threads))
    if renderer.card.hears:
        motion = replace(motion, heard=heard(frames, Fraction(FPS)))
    loaded_mb = peak_mb()
    look = Look.model_validate({"resolution": candidate.resolution})
    prepared = renderer.prepare(picture, face, look)
    prepared_mb = peak_mb()
    for _ in renderer.render(prepared, motion, Span(0, frames)):
        pass
    return Split(loaded_mb=loaded_mb, prepared_mb=prepared_mb, rendered_mb=peak_mb())


def home_of(candidate: Candidate, models: Path, threads: int) -> Home:
    """To load the renderer with the candidate's engine."""
    return Home(
        device=candidate.device,
        weights=models / FOLDER,
        plans=models / "plans",
        engine=candidate.engine,
        half=candidate.engine == "bf16",
        max_batch=candidate.batch,
        threads=threads,
    )


def peak_mb() -> int:
    """Of this process alone: getrusage also tells what its parent held."""
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in status if line.startswith("VmHWM:")).split()[1]) >> 10


def main() -> None:
    models, portrait, frames, threads, document = sys.argv[1:]
    torch.set_num_threads(1)
    candidate = Candidate.model_validate_json(document)
    found = split(candidate, Path(models), Path(portrait), int(frames), int(threads))
    sys.stdout.write(found.model_dump_json())


if __name__ == "__main__":
    main()
