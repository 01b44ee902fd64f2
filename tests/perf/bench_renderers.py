"""Every renderer on every engine of this machine: `python -m tests.perf.bench_renderers [THREADS]`.

Networks have random weights of the real size, whose BatchNorm statistics are those of the
activations they make: as fast as trained ones, and as hard to quantise. Each engine runs in a
process of its own; then a whole video of ten seconds is made with it, sound to MP4.
"""

import os
import sys
import time
from pathlib import Path

import cv2
import torch

from models.assets import DEFAULT_CACHE
from models.clip import Scene, write_clip
from models.contracts import Look
from models.engines.measure import NETWORK_BATCHES, candidates, measure_apart
from models.engines.tuning import Candidate
from models.media.recording import load_recording
from models.media.waveform import SpokenAudio
from models.portrait.image import load_picture
from models.renderer import Home
from models.renderers import load_renderer
from models.speech.mouth import follow
from models.weights.folder import FOLDER, WeightsFolder
from tests.models.wav2lip import published
from tests.perf import scenes
from tests.perf.table import report

FRAMES, SECONDS, RESOLUTION = 100, 10.0, 512
GOALS = {"eager": "<= 15 s", "bf16": "<= 8 s, then 5", "onnx-int8": "<= 8 s, then 5"}
COLUMNS = [
    *("renderer", "engine", "frames/s", "video of 10 s, s", "goal"),
    *("peak, MB", "cold, s", "PSNR, dB", "largest error", "why not"),
]


def main(threads: int) -> None:
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    with scenes.work_folder() as name:
        models = prepared_folder(Path(name))
        rows = [
            row(each, models, threads)
            for each in candidates(device, RESOLUTION, models)
            if each.batch == NETWORK_BATCHES[1] and each.engine != "torch"
        ]
    report(f"renderers-{threads}-threads", COLUMNS, rows)


def prepared_folder(folder: Path) -> Path:
    """The face models, and weights that were added like anybody's."""
    for model in DEFAULT_CACHE.iterdir():
        (folder / model.name).symlink_to(model)
    checkpoint = folder / "random.pth"
    torch.save({"state_dict": published.random_state()}, checkpoint)
    weights = WeightsFolder(folder / FOLDER)
    weights.add("wav2lip", str(checkpoint), licence="random", commercial_use=True)
    return folder


def row(candidate: Candidate, models: Path, threads: int) -> list[object]:
    found = measure_apart(candidate, models, scenes.astronaut(), FRAMES, threads)
    whole = None if found.error else video_seconds(candidate, models)
    return [
        *(candidate.renderer, candidate.engine, found.frames_per_s, whole),
        GOALS.get(candidate.engine, ""),
        *(found.peak_mb, found.cold_s, found.psnr_db, found.largest, found.error),
    ]


def video_seconds(candidate: Candidate, models: Path) -> float:
    """Sound and portrait to a finished file, the renderer loaded; the better of two."""
    home = Home(
        device=candidate.device,
        weights=models / FOLDER,
        plans=models / "plans",
        engine=candidate.engine,
        half=candidate.engine == "bf16",
        max_batch=candidate.batch,
    )
    renderer, finder = load_renderer(candidate.renderer, home), scenes.analyser()
    sound, portrait = scenes.recording(SECONDS), scenes.astronaut()
    taken = []
    for _ in range(2):
        began = time.perf_counter()
        recording, _ = load_recording(sound, models / "sound.wav")
        spoken, picture = SpokenAudio(recording), load_picture(portrait)
        scene = Scene(spoken, follow(spoken), Look(), picture, finder.faces(picture)[0])
        motion = scene.motion(hears=renderer.card.hears)
        write_clip(renderer, scene, motion, models / "video.mp4")
        taken.append(time.perf_counter() - began)
    return min(taken)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else os.cpu_count() or 1)
