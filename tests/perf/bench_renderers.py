"""Every renderer on every engine of this machine.

`python -m tests.perf.bench_renderers [THREADS] [--plot]`; the plot goes into docs/renderers.png.

Networks have random weights of the real size, whose BatchNorm statistics are those of the
activations they make: as fast as trained ones, and as hard to quantise. Each engine runs in a
process of its own, and in another one its memory is watched as a worker has it; then a whole video
of ten seconds is made with it, sound to MP4.
"""

import argparse
import os
import time
from pathlib import Path

import cv2
import matplotlib
import torch

from models.clip import Scene, write_clip
from models.contracts import Look
from models.engines.measure import NETWORK_BATCHES, candidates, measure_apart
from models.engines.tuning import Candidate
from models.media.recording import load_recording
from models.media.waveform import SpokenAudio
from models.portrait.image import load_picture
from models.renderers import load_renderer
from models.speech.mouth import follow
from tests.perf import scenes
from tests.perf.memory_split import home_of, split_apart
from tests.perf.random_weights import prepared_folder
from tests.perf.table import report

matplotlib.use("Agg")
from matplotlib import pyplot
from matplotlib.ticker import NullFormatter, ScalarFormatter

FRAMES, SECONDS, RESOLUTION, SHOWN_FPS = 100, 10.0, 512, 25
EXACT_DB = 90.0  # nothing of it shows in eight bits
PLOT = Path("docs/renderers.png")
GOALS = {
    "eager": "<= 15 s",
    "winograd": "<= 8 s, then 5",
    "bf16": "<= 8 s, then 5",
    "onnx-int8": "<= 8 s, then 5",
}
COLUMNS = [
    *("renderer", "engine", "frames/s", "video of 10 s, s", "goal"),
    *("loaded, MB", "prepared, MB", "rendered, MB"),
    *("cold, s", "PSNR, dB", "largest error", "why not"),
]


def main(threads: int, *, plotted: bool) -> None:
    torch.set_num_threads(1)  # as where videos are made: only networks have more
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
    if plotted:
        plot([dict(zip(COLUMNS, each, strict=True)) for each in rows], threads, device)


def row(candidate: Candidate, models: Path, threads: int) -> list[object]:
    portrait = scenes.astronaut()
    found = measure_apart(candidate, models, portrait, FRAMES, threads)
    memory = whole = None
    if not found.error:
        memory = split_apart(candidate, models, portrait, FRAMES, threads)
        whole = video_seconds(candidate, models, threads)
    return [
        *(candidate.renderer, candidate.engine, found.frames_per_s, whole),
        GOALS.get(candidate.engine, ""),
        *((memory.loaded_mb, memory.prepared_mb, memory.rendered_mb) if memory else [None] * 3),
        *(found.cold_s, found.psnr_db, found.largest, found.error),
    ]


def video_seconds(candidate: Candidate, models: Path, threads: int) -> float:
    """Sound and portrait to a finished file, the renderer loaded; the better of two."""
    home = home_of(candidate, models, threads)
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


def plot(rows: list[dict[str, object]], threads: int, device: str) -> None:
    """Frames a second of each engine that can be used, and how exact its pictures are."""
    shown = [each for each in rows if not each["why not"]]
    names = [f"{each['renderer']}\n{each['engine']}" for each in shown]
    speeds = [float(str(each["frames/s"])) for each in shown]
    figure, axes = pyplot.subplots(figsize=(8, 3.6), layout="constrained")
    colours = ["tab:blue" if each["renderer"] == "mesh" else "tab:orange" for each in shown]
    bars = axes.bar(names, speeds, color=colours, width=0.6)
    for bar, each, speed in zip(bars, shown, speeds, strict=True):
        middle = bar.get_x() + bar.get_width() / 2
        told = f"{speed:.3g}{exactness(each['PSNR, dB'])}"
        axes.text(
            middle, 1.15 * speed, told, ha="center", va="bottom", fontsize=9, backgroundcolor="w"
        )
    axes.axhline(SHOWN_FPS, linestyle="--", color="grey", label="as fast as it is shown")
    axes.set(
        title=f"512x512, without encoding: {device}, {threads} threads",
        ylabel="frames a second",
        yscale="log",
        ylim=(0.5 * min(*speeds, SHOWN_FPS), 3 * max(speeds)),
    )
    axes.yaxis.set_major_formatter(ScalarFormatter())
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.legend()
    figure.savefig(PLOT, dpi=110)


def exactness(psnr_db: object) -> str:
    """Of a network's pictures, against the reference's."""
    if not isinstance(psnr_db, float):
        return ""
    return "\nexact" if psnr_db > EXACT_DB else f"\n{psnr_db:.0f} dB"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("threads", type=int, nargs="?", default=os.cpu_count() or 1)
    parser.add_argument("--plot", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    given = arguments()
    main(given.threads, plotted=given.plot)
