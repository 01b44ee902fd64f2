"""A long recording rendered by a network: how much memory it takes, minute by minute.

`python -m tests.perf.bench_renderer_memory [MINUTES] [THREADS]`: wav2lip with random weights of the
real size, sound to MP4; the curve goes into out/bench/renderer-memory.png.
"""

import os
import sys
from pathlib import Path
from statistics import median

import torch

from models.clip import Scene, write_clip
from models.contracts import Look
from models.media.recording import load_recording
from models.media.waveform import SpokenAudio
from models.portrait.image import load_picture
from models.renderer import Home
from models.renderers import load_renderer
from models.speech.mouth import follow
from models.weights.folder import FOLDER
from tests.perf import scenes
from tests.perf.memory import Memory
from tests.perf.random_weights import prepared_apart
from tests.perf.table import report

GOAL_MB, GROWTH_MB = 1000, 30
RENDER = "render + encode"


def main(minutes: float, threads: int) -> None:
    torch.set_num_threads(1)  # as where videos are made: only networks have more
    memory = Memory()
    with scenes.work_folder() as folder:
        models = prepared_apart(Path(folder))
        with memory.watched():
            frames = make_video(memory, minutes, threads, models)
    first, last = rendering(memory)
    minute = min(60.0, (last - first) / 4)
    early = middle_of(memory, first + minute / 2, first + 3 * minute / 2)  # settled
    late = middle_of(memory, last - minute, last)
    plot(memory, minutes)
    rows: list[list[object]] = [
        ["frames/s, with encoding", frames / (last - first), ""],
        ["peak while loading, MB", memory.peak(0, first), ""],
        [f"an early {minute:.0f} s, MB", early, ""],
        [f"the last {minute:.0f} s, MB", late, f"<= {GROWTH_MB} more"],
        ["growth, MB", late - early, f"<= {GROWTH_MB}"],
        ["peak, MB", max(memory.megabytes), f"<= {GOAL_MB}"],
    ]
    report(f"renderer-memory-{minutes:g}-minutes", ["what", "figure", "goal"], rows)


def make_video(memory: Memory, minutes: float, threads: int, models: Path) -> int:
    """Its frames; the stages of a recording's way, as the flow takes them."""
    sound, finder = scenes.recording(60 * minutes), scenes.analyser()
    memory.stage("read sound")
    spoken = SpokenAudio(load_recording(sound, models / "sound.wav")[0])
    memory.stage("sound to mouth")
    mouth, picture = follow(spoken), load_picture(scenes.astronaut())
    memory.stage("load")
    renderer = load_renderer("wav2lip", Home(weights=models / FOLDER, threads=threads))
    scene = Scene(spoken, mouth, Look(), picture, finder.faces(picture)[0])
    motion = scene.motion(hears=renderer.card.hears)
    memory.stage(RENDER)
    write_clip(renderer, scene, motion, models / "video.mp4")
    return len(motion)


def rendering(memory: Memory) -> tuple[float, float]:
    """Seconds at which it began and ended."""
    begins = dict(memory.stages)
    return begins[RENDER], begins["end"]


def middle_of(memory: Memory, first: float, stop: float) -> float:
    """Megabytes between those seconds."""
    pairs = zip(memory.seconds, memory.megabytes, strict=True)
    return median(mb for second, mb in pairs if first <= second < stop)


def plot(memory: Memory, minutes: float) -> None:
    import matplotlib  # a renderer has none of it, so that it is not measured

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(9, 3.6), layout="constrained")
    axes.plot(memory.seconds, memory.megabytes)
    axes.axhline(GOAL_MB, linestyle="--", color="tab:red", label=f"goal, {GOAL_MB} MB")
    axes.axvline(rendering(memory)[0], color="lightgrey", label=f"{RENDER} begins")
    axes.set(
        title=f"{minutes:g} minutes of sound, wav2lip, 512x512",
        xlabel="seconds",
        ylabel="resident MB",
        ylim=(0, GOAL_MB * 1.3),
    )
    axes.legend(loc="lower right")
    figure.savefig(scenes.FOLDER / "renderer-memory.png", dpi=110)


if __name__ == "__main__":
    main(
        float(sys.argv[1]) if len(sys.argv) > 1 else 10.0,
        int(sys.argv[2]) if len(sys.argv) > 2 else os.cpu_count() or 1,
    )
