"""A recording as a video's sound, encoded once while the pictures are rendered."""

import threading
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from models.errors import EncodeFailed
from models.media.encode import encoding
from models.media.encoder import SOUND_RATE_HZ, SoundEncoder, format_for
from models.media.files import replacing
from models.media.wav import blocks, resampled
from models.media.waveform import Recording

BLOCK_S = 0.1


class SoundWriter:
    """Encodes in a thread of its own; `path` is there after `wait`, or nothing ever is."""

    def __init__(self, audio: Recording, path: Path, *, alpha: bool = False) -> None:
        self._audio, self._path, self._format = audio, path, format_for(alpha=alpha)
        self._stopped = False
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="sound", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stopped = exc is not None
        self._thread.join()

    def wait(self) -> None:
        """Raises DiskFull, OutputNotWritable and EncodeFailed."""
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            with ExitStack() as stack:
                part = stack.enter_context(replacing(self._path))
                stack.enter_context(encoding(self._path))
                self._encode(SoundEncoder(part, format=self._format))
        except Exception as error:  # raised again where the caller can see it
            self._failure = error

    def _encode(self, encoder: SoundEncoder) -> None:
        rate = self._audio.sample_rate_hz
        for block in resampled(blocks(self._audio, BLOCK_S), rate, SOUND_RATE_HZ):
            if self._stopped:
                encoder.close(whole=False)
                raise EncodeFailed(f"{self._path.name} is no longer wanted")  # and nobody hears
            if len(block):
                encoder.add(block)
        encoder.close()
