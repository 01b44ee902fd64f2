"""The pictures of a video, or of a part of it, encoded while they are rendered.

`VideoWriter` runs the encoder in a thread of its own behind a short queue, so that rendering and
encoding overlap, and sees to it that the file appears whole or not at all.
"""

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
from av import VideoFrame

from models.arrays import U8
from models.contracts import Encoder
from models.errors import EncodeFailed
from models.media.colour import video_frame
from models.media.encoder import PictureEncoder, format_for
from models.media.files import check_output, output_error, replacing

QUEUED_FRAMES = 16


def frame_count(duration_s: float | Fraction, fps: Fraction) -> int:
    """Frames of a video as long as its sound: duration x fps, rounded, at least one."""
    return max(1, round(duration_s * fps))


class VideoWriter:
    """Writes exactly `frames` pictures, and no sound, to `path`: MP4 or, with alpha, WebM.

    `mark` changes the luma (H, W) of each picture.
    Use it as a context manager: the file is there after the block, or nothing is.
    Raises OutputNotWritable, DiskFull, and EncodeFailed (also for a wrong number of frames).
    """

    def __init__(
        self,
        path: Path,
        size: tuple[int, int],
        fps: Fraction,
        *,
        frames: int,
        alpha: bool = False,
        mark: Callable[[U8], U8] | None = None,
        encoder: Encoder = Encoder.X264,
    ) -> None:
        if size[0] % 2 or size[1] % 2:
            raise EncodeFailed(f"frame size {size[0]}x{size[1]} must be even for 4:2:0 video")
        self._path, self._size, self._fps = path, size, fps
        self._frames, self._alpha, self._mark = frames, alpha, mark
        self._format = format_for(alpha=alpha, encoder=encoder)
        self._written = 0
        self._queue: queue.Queue[VideoFrame | None] = queue.Queue(QUEUED_FRAMES)
        self._whole = False
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._encode, name="encoder", daemon=True)

    def __enter__(self) -> Self:
        check_output(self._path, alpha=self._alpha)
        with ExitStack() as stack:
            part = stack.enter_context(replacing(self._path))
            with encoding(self._path):
                self._encoder = self._open(part)
            self._thread.start()
            stack.push(self._close)
            self._exit = stack.pop_all()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._exit.__exit__(exc_type, exc, traceback)

    def write(self, batch: U8) -> None:
        """Append (B, H, W, 3) RGB or, with alpha, (B, H, W, 4) RGBA; the array stays yours."""
        expected = (self._size[1], self._size[0], 4 if self._alpha else 3)
        if batch.shape[1:] != expected:
            raise EncodeFailed(f"frames of shape {batch.shape[1:]} do not fit {expected}")
        if self._written + len(batch) > self._frames:
            raise EncodeFailed(f"more than the {self._frames} frames that were announced")
        for picture in batch:
            self._raise_failure()
            self._queue.put(video_frame(picture, self._mark))
            self._written += 1

    def _close(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._whole = exc is None and self._written == self._frames
        self._queue.put(None)
        self._thread.join()
        if exc is not None:
            return
        self._raise_failure()
        if not self._whole:
            raise EncodeFailed(f"{self._written} of {self._frames} frames were written")

    def _encode(self) -> None:
        frames = iter(self._queue.get, None)
        try:
            with encoding(self._path):
                for frame in frames:
                    self._encoder.add(frame)
                self._encoder.close(whole=self._whole)
        except Exception as error:  # raised again where the caller can see it
            self._failure = error
        for _ in frames:  # nobody may be left waiting to put one
            pass

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _open(self, part: Path) -> PictureEncoder:
        return PictureEncoder(part, self._size, self._fps, format=self._format)


@contextmanager
def encoding(path: Path) -> Iterator[None]:
    """Turn what encoders and containers raise into an error that names `path`."""
    try:
        yield
    except OSError as error:
        raise output_error(error, path) from error
    except av.FFmpegError as error:
        raise EncodeFailed(f"the encoder gave up on {path.name}: {error}") from error
