"""What the invisible mark survives and costs: `python -m tests.perf.bench_watermark PICTURE…`.

Ten seconds of each portrait, rendered with a mark, then treated as platforms treat videos. The
error rate is of the 1024 chips before correction; the 64 bits they stand for are right or nothing.
The cost is the median of several ratios, each of two runs side by side: of the clock's and, since a
busy machine moves that, of the processor's time. Beside the tables lie pictures to look at,
`out/bench/mark-NAME.png`: a frame without the mark, with it, and 16 times the difference.
"""

import resource
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from statistics import median

import av
import cv2
import numpy as np
import torch

from models.arrays import F32, U8
from models.clip import Scene, write_clip
from models.contracts import Look
from models.media.colour import plane_pixels, video_frame
from models.portrait.image import load_picture
from models.renderers import load_renderer
from models.speech.mouth import follow
from models.watermark.code import chips_of, square
from models.watermark.detect import cells_at, find_marks, located
from models.watermark.embed import Marker
from tests.perf import scenes
from tests.perf.table import report

PAYLOAD = 0xC0FFEE123456
RUNS = 7
EXAGGERATED = 16

Spoil = Callable[[U8], U8]


def resized(share: float) -> Spoil:
    def spoil(picture: U8) -> U8:
        side = tuple(round(length * share / 2) * 2 for length in picture.shape[1::-1])
        return np.asarray(cv2.resize(picture, side, interpolation=cv2.INTER_AREA), np.uint8)

    return spoil


def cropped(picture: U8) -> U8:
    """Of a tenth each way, not in the middle."""
    height, width = (round(length * 0.45) * 2 for length in picture.shape[:2])
    return np.ascontiguousarray(picture[18 : 18 + height, 30 : 30 + width])


WAYS: dict[str, tuple[Spoil, int, slice]] = {
    "CRF 28": (lambda picture: picture, 28, slice(None)),
    "half size, CRF 28": (resized(0.5), 28, slice(None)),
    "crop of 10 %, CRF 28": (cropped, 28, slice(None)),
    "trimmed to 4 s, CRF 28": (lambda picture: picture, 28, slice(70, 170)),
    "half size and crop, CRF 28": (lambda picture: resized(0.5)(cropped(picture)), 28, slice(None)),
    "all of it and 4 s, CRF 28": (
        lambda picture: resized(0.5)(cropped(picture)),
        28,
        slice(70, 170),
    ),
    "CRF 34": (lambda picture: picture, 34, slice(None)),
}


def main() -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    portraits = [scenes.astronaut(), *map(Path, sys.argv[1:])]
    rows, costs = [], []
    with scenes.work_folder() as name:
        for portrait in portraits:
            made = Path(name) / "marked.mp4"
            costs.append([portrait.stem, *cost(portrait, Path(name), made)])
            with av.open(str(made)) as source:
                frames = [to_rgb(frame) for frame in source.decode(video=0)]
            for way, (spoil, crf, keep) in WAYS.items():
                again = Path(name) / "again.mp4"
                encode([spoil(frame) for frame in frames[keep]], again, crf)
                rows.append([portrait.stem, way, *errors(again)])
    report("watermark", ["portrait", "way", "chips wrong", "read"], rows)
    report("watermark-cost", ["portrait", "PSNR, dB", "bytes", "seconds", "processor time"], costs)


def cost(portrait: Path, folder: Path, marked: Path) -> list[float]:
    """PSNR of the mark alone; bytes, seconds and processor time against those without it."""
    spoken, picture = scenes.speech(), load_picture(portrait)
    scene = Scene(spoken, follow(spoken), Look(), picture, scenes.analyser().faces(picture)[0])
    motion, renderer, plain = scene.motion(), load_renderer("mesh"), folder / "plain.mp4"
    ratios = []
    for _ in range(RUNS):
        spent = []
        for out, mark in ((plain, None), (marked, PAYLOAD)):
            began = processor_s()
            took = write_clip(renderer, scene, motion, out, mark=mark).render_s
            spent.append((took, processor_s() - began))
        ratios.append([with_it / without for without, with_it in zip(*spent, strict=True)])
    size = marked.stat().st_size / plain.stat().st_size
    return [seen(portrait.stem, plain), size, *map(median, zip(*ratios, strict=True))]


def processor_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def seen(name: str, plain: Path) -> float:
    """PSNR of the change in RGB, before encoding; and the picture to look at."""
    with av.open(str(plain)) as source:
        frames = [plane_pixels(frame.planes[0]).copy() for frame in source.decode(video=0)][::25]
    mark = Marker(PAYLOAD, (frames[0].shape[1], frames[0].shape[0]))
    marked = [mark(luma) for luma in frames]
    change: F32 = np.stack(marked).astype(np.float32) - np.stack(frames)
    large = np.clip(128 + EXAGGERATED * change[1], 0, 255).astype(np.uint8)
    cv2.imwrite(f"{scenes.FOLDER}/mark-{name}.png", np.hstack([frames[1], marked[1], large]))
    return float(10 * np.log10(255**2 / np.square(change * 255 / 219).mean()))


def errors(video: Path) -> tuple[float, str]:
    picture, place = located(video)
    truth = np.sign(chips_of(square(PAYLOAD)))
    wrong = float(np.mean(np.sign(chips_of(cells_at(picture, place))) != truth))
    return wrong, "yes" if [mark.payload for mark in find_marks(video)] == [PAYLOAD] else "NO"


def to_rgb(frame: av.VideoFrame) -> U8:
    return np.asarray(frame.to_ndarray(format="rgb24")).astype(np.uint8)


def encode(frames: list[U8], out: Path, crf: int) -> None:
    with av.open(str(out), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": str(crf)})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for index, picture in enumerate(frames):
            frame = video_frame(picture)
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


if __name__ == "__main__":
    main()
