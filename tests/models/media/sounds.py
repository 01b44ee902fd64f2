"""Sound made for tests, and files of every kind that hold it."""

import struct
from pathlib import Path
from typing import cast

import av
import numpy as np
import soundfile
from av.audio.stream import AudioStream

from models.arrays import F32

SPEECH_HZ = (180, 360, 540, 1_100, 2_600, 3_400)


def speech(seconds: float = 2.0, rate_hz: int = 16_000, level: float = 0.3) -> F32:
    """(N,) syllables of harmonics and hiss with pauses between them, peak near `level`."""
    time = np.arange(round(seconds * rate_hz)) / rate_hz
    voiced = sum(np.sin(2 * np.pi * hz * time) / (1 + k) for k, hz in enumerate(SPEECH_HZ))
    hiss = np.random.default_rng(0).standard_normal(len(time)) * 0.1
    syllables = np.clip(np.sin(2 * np.pi * 2 * time), 0, 1) ** 2
    sound = (voiced + hiss) * syllables
    return np.asarray(level * sound / np.abs(sound).max(), np.float32)


def write(path: Path, sound: F32, rate_hz: int = 16_000, subtype: str | None = None) -> Path:
    """(N,) or (C, N) by the suffix of the path."""
    soundfile.write(path, sound.T, rate_hz, subtype=subtype)
    return path


def write_av(
    path: Path, sound: F32, rate_hz: int, codec: str, layout: str = "mono", container: str = ""
) -> Path:
    """(C, N) by a codec of FFmpeg's."""
    with av.open(str(path), "w", format=container or None) as file:
        stream = cast(AudioStream, file.add_stream(codec, rate=rate_hz, layout=layout))
        packed = np.ascontiguousarray(sound.T).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=layout)
        frame.sample_rate, frame.pts = rate_hz, 0
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def write_video(path: Path, sound: F32 | None, rate_hz: int = 16_000) -> Path:
    """Ten grey frames, and perhaps sound."""
    with av.open(str(path), "w") as file:
        pictures = file.add_stream("libx264", rate=25)
        pictures.width = pictures.height = 64
        voice = None if sound is None else file.add_stream("aac", rate=rate_hz, layout="mono")
        for _ in range(10):
            grey = np.full((64, 64, 3), 128, np.uint8)
            file.mux(pictures.encode(av.VideoFrame.from_ndarray(grey)))
        file.mux(pictures.encode(None))
        if voice is not None and sound is not None:
            frame = av.AudioFrame.from_ndarray(sound[None], format="fltp", layout="mono")
            frame.sample_rate, frame.pts = rate_hz, 0
            file.mux(voice.encode(frame))
            file.mux(voice.encode(None))
    return path


def riff(
    data: bytes,
    *,
    claimed: int | None = None,
    rate_hz: int = 16_000,
    channels: int = 1,
    bits: int = 16,
    kind: int = 1,
) -> bytes:
    """A WAV file whose header may claim another size than the data has; kind 3 is float."""
    size, frame = len(data) if claimed is None else claimed, channels * bits // 8
    shape = struct.pack("<HHIIHH", kind, channels, rate_hz, rate_hz * frame, frame, bits)
    head = b"WAVE" + struct.pack("<4sI", b"fmt ", 16) + shape + struct.pack("<4sI", b"data", size)
    return struct.pack("<4sI", b"RIFF", min(len(head) + size, 0xFFFF_FFFF)) + head + data


def pcm(sound: F32) -> bytes:
    return (sound * 32_767).astype("<i2").tobytes()
