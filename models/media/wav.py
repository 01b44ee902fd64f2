"""Recordings on disk: mono 16-bit WAV, read and written block by block."""

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import soundfile
import soxr

from models.arrays import F32, I16
from models.media.files import replacing, writing_to
from models.media.waveform import ANALYSIS_RATE_HZ, Recording, Waveform

BLOCK_S = 0.5
FULL_SCALE = 32_768.0
HEADER_BYTES = 44


def write_recording(path: Path, sample_rate_hz: int, sound: Iterable[F32]) -> Recording:
    """Write mono blocks (N,), -1..1, as one WAV that appears only when it is whole.

    Raises DiskFull, OutputNotWritable and whatever `sound` raises.
    """
    samples = 0
    with replacing(path) as part:
        with writing_to(path):
            file = part.open("wb")
        with file:
            file.seek(HEADER_BYTES)
            for block in sound:
                with writing_to(path):
                    file.write(to_pcm16(block))
                samples += len(block)
            with writing_to(path):
                file.seek(0)
                file.write(wav_header(sample_rate_hz, samples))
                file.flush()
    return Recording(path, sample_rate_hz, samples)


def to_pcm16(block: F32) -> bytes:
    """Little-endian 16-bit samples; what lies beyond full scale is held there."""
    pcm: I16 = np.clip(np.rint(block * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype("<i2")
    return pcm.tobytes()


def wav_header(sample_rate_hz: int, samples: int) -> bytes:
    """The 44 bytes before mono 16-bit samples."""
    size = 2 * samples
    riff = struct.pack("<4sI4s", b"RIFF", HEADER_BYTES - 8 + size, b"WAVE")
    shape = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, sample_rate_hz, 2 * sample_rate_hz, 2, 16)
    return riff + shape + struct.pack("<4sI", b"data", size)


def riff_duration_s(path: Path) -> float:
    """What a WAV's header promises, true or not; 0 for other files and for streamed ones."""
    with path.open("rb") as file:
        if file.read(12)[:4] != b"RIFF":
            return 0.0
        bytes_a_second = 0
        while len(head := file.read(8)) == 8:
            name, size = struct.unpack("<4sI", head)
            if name == b"data":
                streamed = size == 0xFFFF_FFFF or not bytes_a_second
                return 0.0 if streamed else float(size / bytes_a_second)
            if name == b"fmt ":
                bytes_a_second = int.from_bytes(file.read(16)[8:12], "little")
                size -= 16
            file.seek(size + size % 2, 1)
    return 0.0


def blocks(recording: Recording, seconds: float = BLOCK_S) -> Iterator[F32]:
    """The recording as (N,) blocks of `seconds`, -1..1; the last one may be shorter."""
    size = max(1, round(seconds * recording.sample_rate_hz))
    with soundfile.SoundFile(recording.path) as file:
        yield from file.blocks(size, dtype="float32")


def rechunked(sound: Iterable[F32], size: int) -> Iterator[F32]:
    """The same (N,) or (C, N) sound in blocks of exactly `size`, the last one shorter."""
    held: list[F32] = []
    count = 0
    for samples in sound:
        held.append(samples)
        count += samples.shape[-1]
        if count >= size:
            joined = np.concatenate(held, axis=-1)
            whole = count - count % size
            for at in range(0, whole, size):
                yield joined[..., at : at + size]
            held, count = [joined[..., whole:]], count - whole
    if count:
        yield np.concatenate(held, axis=-1)


def resampled(sound: Iterable[F32], from_hz: int, to_hz: int) -> Iterator[F32]:
    """The same sound at another rate, without delay; its length is exact to a sample."""
    if from_hz == to_hz:
        yield from sound
        return
    stream = soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32", quality="HQ")
    for block in sound:
        yield stream.resample_chunk(block)
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)


def read_analysis(recording: Recording) -> Waveform:
    """The whole recording at 16 kHz, for the listening models: 115 MB for 30 minutes."""
    sound = resampled(blocks(recording), recording.sample_rate_hz, ANALYSIS_RATE_HZ)
    return Waveform(np.concatenate([np.zeros(0, np.float32), *sound]), ANALYSIS_RATE_HZ)
