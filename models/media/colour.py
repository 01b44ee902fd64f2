"""RGB to the encoder's planes: BT.709, limited range, as the stream's tags say.

OpenCV's own I420 conversion is BT.601 and drops three of four chroma samples; FFmpeg's takes four
times as long as this.
"""

from collections.abc import Callable

import cv2
import numpy as np
from av import VideoFrame
from av.video.plane import VideoPlane

from models.arrays import U8

KR, KG, KB = 0.2126, 0.7152, 0.0722  # ITU-R BT.709-6, item 3.2
RGB_TO_YUV = np.array(
    [
        [KR * 219 / 255, KG * 219 / 255, KB * 219 / 255, 16],
        [-KR / (1 - KB) * 112 / 255, -KG / (1 - KB) * 112 / 255, 112 / 255, 128],
        [112 / 255, -KG / (1 - KR) * 112 / 255, -KB / (1 - KR) * 112 / 255, 128],
    ],
    dtype=np.float32,
)


def video_frame(picture: U8, mark: Callable[[U8], U8] | None = None) -> VideoFrame:
    """(H, W, 3) RGB to a yuv420p frame, (H, W, 4) RGBA to yuva420p; H and W even.

    `mark` changes the luma (H, W).
    """
    height, width, channels = picture.shape
    frame = VideoFrame(width, height, "yuva420p" if channels == 4 else "yuv420p")
    luma, blue, red = cv2.split(cv2.transform(np.ascontiguousarray(picture[..., :3]), RGB_TO_YUV))
    half = (width // 2, height // 2)
    plane_pixels(frame.planes[0])[:] = mark(np.asarray(luma, np.uint8)) if mark else luma
    for plane, chroma in zip(frame.planes[1:3], (blue, red), strict=True):
        plane_pixels(plane)[:] = cv2.resize(chroma, half, interpolation=cv2.INTER_AREA)
    if channels == 4:
        plane_pixels(frame.planes[3])[:] = picture[..., 3]
    return frame


def plane_pixels(plane: VideoPlane) -> U8:
    """(h, w) view of a plane, without the padding at the end of its rows."""
    rows: U8 = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : plane.width]
