"""Videos at once in one process, against one after the other: `python -m tests.perf.bench_sharing`.

From a recording and a portrait to an MP4 of ten seconds, every stage; random weights of the real
size. On a processor the network itself takes every core, so that little is left to gain: see
bench_card for a card.
"""

import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import torch

from models.clip import Scene, write_clip
from models.contracts import Look
from models.media.recording import load_recording
from models.media.waveform import SpokenAudio
from models.portrait.analyser import FaceAnalyser
from models.portrait.image import load_picture
from models.renderer import Home, Renderer
from models.renderers import load_renderer
from models.speech.mouth import follow
from models.weights.folder import FOLDER
from tests.encoded import packets
from tests.perf import scenes
from tests.perf.random_weights import prepared_folder
from tests.perf.table import report

JOBS, SECONDS, FPS = 2, 10.0, 25
COLUMNS = [
    *("renderer", "one after the other, s", "at once, s", "times as fast"),
    *("cores busy, alone", "cores busy, at once", "mixed batches", "same files"),
]


@dataclass(frozen=True)
class Videos:
    renderer: Renderer[Any]
    finder: FaceAnalyser
    sound: Path
    portrait: Path
    folder: Path

    def make(self, name: str, seed: int) -> Path:
        """With motion of its own."""
        recording, _ = load_recording(self.sound, self.folder / f"{name}.wav")
        spoken, picture = SpokenAudio(recording), load_picture(self.portrait)
        face = self.finder.faces(picture)[0]
        scene = Scene(spoken, follow(spoken), Look(seed=seed), picture, face)
        motion, out = scene.motion(hears=self.renderer.card.hears), self.folder / f"{name}.mp4"
        write_clip(self.renderer, scene, motion, out)
        return out

    def one_by_one(self) -> None:
        for job in range(JOBS):
            self.make(f"alone-{job}", job)

    def at_once(self) -> None:
        jobs = [
            threading.Thread(target=self.make, args=(f"together-{job}", job)) for job in range(JOBS)
        ]
        for job in jobs:
            job.start()
        for job in jobs:
            job.join()

    def are_same(self) -> bool:
        pairs = [(f"alone-{job}.mp4", f"together-{job}.mp4") for job in range(JOBS)]
        return all(packets(self.folder / a) == packets(self.folder / b) for a, b in pairs)


def main(threads: int) -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(threads)
    rows: list[list[object]] = []
    with scenes.work_folder() as name:
        models = prepared_folder(Path(name))
        for renderer in ("mesh", "wav2lip"):
            home = Home(weights=models / FOLDER, plans=models / "plans", threads=threads)
            loaded = load_renderer(renderer, home)
            sound, portrait = scenes.recording(SECONDS), scenes.astronaut()
            videos = Videos(loaded, scenes.analyser(), sound, portrait, models)
            videos.make("first", 0)
            alone_s, alone_cores = timed(videos.one_by_one)
            together_s, together_cores = timed(videos.at_once)
            shared = getattr(loaded, "shared", None)
            mixed = "" if shared is None else f"{shared.mixed} of {shared.runs}"
            cores = (round(alone_cores, 2), round(together_cores, 2))
            same = "yes" if videos.are_same() else "NO"
            rows.append([renderer, alone_s, together_s, alone_s / together_s, *cores, mixed, same])
    report(f"sharing-{threads}-threads", COLUMNS, rows)


def timed(work: Callable[[], None]) -> tuple[float, float]:
    """Seconds, and cores that were busy on average."""
    began, cpu = time.perf_counter(), time.process_time()
    work()
    taken = time.perf_counter() - began
    return taken, (time.process_time() - cpu) / taken


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else os.cpu_count() or 1)
