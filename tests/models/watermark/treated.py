"""Videos as they come back from elsewhere: encoded again, smaller, cut."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from models.arrays import U8
from models.media.colour import video_frame

Spoil = Callable[[U8], U8]


def encoded_again(video: Path, out: Path, spoil: Spoil, keep: slice = slice(None)) -> Path:
    """At CRF 28."""
    with av.open(str(video)) as source:
        frames = [np.asarray(frame.to_ndarray(format="rgb24")) for frame in source.decode(video=0)]
    write_rough([spoil(frame.astype(np.uint8)) for frame in frames[keep]], out)
    return out


def write_rough(frames: list[U8], out: Path) -> None:
    with av.open(str(out), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "28"})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for index, picture in enumerate(frames):
            frame = video_frame(picture)
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def half(picture: U8) -> U8:
    return np.asarray(cv2.resize(picture, (256, 256), interpolation=cv2.INTER_AREA), np.uint8)


def cropped(picture: U8) -> U8:
    return np.ascontiguousarray(picture[28:488, 20:480])


def as_it_is(picture: U8) -> U8:
    return picture
