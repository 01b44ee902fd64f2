"""Half an hour of sound to a video: how much memory it takes, plotted over time.

`python -m tests.perf.bench_memory [MINUTES]` writes out/bench/memory.png.
"""

import sys
from pathlib import Path

import matplotlib
import torch

from models.clip import Scene, write_clip
from models.contracts import Look
from models.media.recording import load_recording
from models.media.waveform import SpokenAudio
from models.portrait.image import load_picture
from models.quality.gate import assess
from models.renderers import load_renderer
from models.speech.mouth import follow
from tests.perf import scenes
from tests.perf.memory import Memory
from tests.perf.table import report

matplotlib.use("Agg")
from matplotlib import pyplot

GOAL_MB = 1200


def main(minutes: float) -> None:
    torch.set_num_threads(1)
    memory = Memory()
    with memory.watched(), scenes.work_folder() as folder:
        make_video(memory, minutes, Path(folder))
    plot(memory, minutes)
    spans = zip(memory.stages, memory.stages[1:], strict=False)
    rows: list[list[object]] = [
        [name, stop - first, memory.peak(first, stop), None] for (name, first), (_, stop) in spans
    ]
    rows.append(["all", memory.stages[-1][1], max(memory.megabytes), f"< {GOAL_MB} MB"])
    report("memory", ["stage", "seconds", "peak, MB", "goal"], rows)


def make_video(memory: Memory, minutes: float, folder: Path) -> None:
    """The stages of a recording's way, as the flow takes them."""
    finder, sound = scenes.analyser(), scenes.recording(60 * minutes)
    memory.stage("read sound")
    recording, _ = load_recording(sound, folder / "sound.wav")
    memory.stage("sound to mouth")
    mouth = follow(SpokenAudio(recording))
    memory.stage("portrait")
    picture = load_picture(scenes.astronaut())
    scene = Scene(SpokenAudio(recording), mouth, Look(), picture, finder.faces(picture)[0])
    memory.stage("render + encode")
    motion, video = scene.motion(), folder / "video.mp4"
    write_clip(load_renderer("mesh"), scene, motion, video)
    memory.stage("quality gate")
    assess(video, recording, motion, scene.look.fps.rational, finder)


def plot(memory: Memory, minutes: float) -> None:
    figure, axes = pyplot.subplots(figsize=(10, 4), layout="constrained")
    axes.plot(memory.seconds, memory.megabytes)
    axes.axhline(GOAL_MB, linestyle="--", color="tab:red", label=f"goal, {GOAL_MB} MB")
    for height, (name, second) in enumerate(memory.stages[:-1]):
        axes.axvline(second, color="lightgrey")
        axes.text(second, 30 + 60 * height, f" {name}", fontsize=8)
    axes.set(
        title=f"{minutes:g} minutes of sound to 512x512 video",
        xlabel="seconds",
        ylabel="resident MB, with the speech process",
        ylim=(0, GOAL_MB * 1.1),
    )
    axes.legend(loc="upper right")
    figure.savefig(scenes.FOLDER / "memory.png", dpi=110)


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 30.0)
