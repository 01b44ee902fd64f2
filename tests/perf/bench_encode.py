"""How fast frames become a file: `python -m tests.perf.bench_encode`.

The floor is x264 alone, given I420 frames. `VideoWriter` adds the conversion from RGB and the
hand-over between threads, a film the sound beside it and the join. Runs alternate and the best of
each counts, so that a busy machine wrongs none of them.
"""

import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av import VideoFrame
from skimage import data

from models.arrays import U8
from models.media.colour import video_frame
from models.media.encode import VideoWriter
from models.media.encoder import MP4, add_video
from models.media.join import join
from models.media.sound import SoundWriter
from models.media.wav import write_recording
from models.media.waveform import Recording
from tests.perf.table import report

FPS = Fraction(25)
FRAMES = 250
SIDE = 512
BATCH = 16
RUNS = 7
RATE_HZ = 22_050

Way = Callable[[Path], None]


def main() -> None:
    cv2.setNumThreads(1)
    pictures = moving_portrait()
    planes = [video_frame(picture) for picture in pictures]
    with tempfile.TemporaryDirectory() as folder:
        recording = voice(Path(folder) / "voice.wav")
        ways: dict[str, Way] = {
            "x264 alone, I420 given": lambda out: encode_alone(planes, out),
            "VideoWriter, RGB given": lambda out: write(pictures, out),
            "the same with sound, joined": lambda out: write_film(pictures, recording, out),
            "sound alone": lambda out: write_sound(recording, out),
        }
        best = fastest(ways, Path(folder) / "video.mp4")
    floor, _ = best["x264 alone, I420 given"]
    rows: list[list[object]] = [
        [name, rate, rate / floor, cpu_ms] for name, (rate, cpu_ms) in best.items()
    ]
    report("encode", ["way", f"frames/s, {SIDE}x{SIDE}", "of the floor", "CPU ms/frame"], rows)


def fastest(ways: dict[str, Way], out: Path) -> dict[str, tuple[float, float]]:
    """(frames a second, CPU milliseconds a frame), the best of each way's runs."""
    best = dict.fromkeys(ways, (0.0, float("inf")))
    for _ in range(RUNS):
        for name, way in ways.items():
            began, busy = time.perf_counter(), time.process_time()
            way(out)
            rate = FRAMES / (time.perf_counter() - began)
            cpu_ms = (time.process_time() - busy) * 1000 / FRAMES
            best[name] = max(best[name][0], rate), min(best[name][1], cpu_ms)
    return best


def encode_alone(frames: list[VideoFrame], out: Path) -> None:
    with av.open(str(out), "w") as container:
        stream = add_video(container, (SIDE, SIDE), FPS, MP4)
        for index, frame in enumerate(frames):
            frame.pts, frame.time_base = index, 1 / FPS
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def write(pictures: U8, out: Path) -> None:
    with VideoWriter(out, (SIDE, SIDE), FPS, frames=FRAMES) as writer:
        for first in range(0, FRAMES, BATCH):
            writer.write(pictures[first : first + BATCH])


def write_sound(recording: Recording, out: Path) -> None:
    with SoundWriter(recording, out) as voice:
        voice.wait()


def write_film(pictures: U8, recording: Recording, out: Path) -> None:
    part, sound = out.with_name("part.mp4"), out.with_name("sound.mp4")
    with SoundWriter(recording, sound) as voice:
        write(pictures, part)
        voice.wait()
    join([part], sound, out, FPS, frames=FRAMES)


def moving_portrait() -> U8:
    """(F, H, W, 3): a photograph that sways, with a mouth that opens."""
    photo = cv2.resize(data.astronaut(), (SIDE, SIDE))  # type: ignore[no-untyped-call]
    frames = np.empty((FRAMES, SIDE, SIDE, 3), np.uint8)
    for index, frame in enumerate(frames):
        sway = cv2.getRotationMatrix2D((230, 300), np.sin(index / 17), 1.0)
        sway[:, 2] += 1.5 * np.sin(index / 11), np.cos(index / 13)
        cv2.warpAffine(photo, sway, (SIDE, SIDE), dst=frame, borderMode=cv2.BORDER_REFLECT)
        opening = 1 + round(4 + 4 * np.sin(index / 2.3))
        cv2.ellipse(frame, (228, 200), (16, opening), 0, 0, 360, (60, 20, 20), -1, cv2.LINE_AA)
    return frames


def voice(path: Path) -> Recording:
    """Noise with the loudness of syllables, as long as the frames."""
    seconds = np.arange(int(FRAMES / FPS * RATE_HZ)) / RATE_HZ
    noise = np.random.default_rng(0).standard_normal(len(seconds))
    sound = 0.1 * noise * np.abs(np.sin(2 * np.pi * 2 * seconds))
    return write_recording(path, RATE_HZ, [sound.astype(np.float32)])


if __name__ == "__main__":
    main()
