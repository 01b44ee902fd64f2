"""A WAV's length from its header, believed no further than its bytes go."""

import struct
from pathlib import Path
from typing import BinaryIO

from models.contracts import MAX_SPEECH_S
from models.errors import AudioTooLong, EmptyAudio, UnreadableAudio

PCM = (1, 3, 0xFFFE)  # whole numbers, floats, and either of them in many channels
MOST_CHANNELS, MOST_RATE_HZ = 64, 768_000
MOST_CHUNKS = 1_000


def wav_duration_s(path: Path) -> float | None:
    """None for a compressed one, whose length only decoding tells.

    Raises UnreadableAudio, EmptyAudio and AudioTooLong.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(12)  # past RIFF, its size, and WAVE
        bytes_s: int | None = None
        for _ in range(MOST_CHUNKS):
            head = file.read(8)
            if len(head) < 8:
                break
            name, claimed = struct.unpack("<4sI", head)
            there = min(claimed, size - file.tell())
            if name == b"data" and bytes_s is not None:
                return _bounded(there / bytes_s) if bytes_s else None
            if there < claimed:
                break
            after = file.tell() + claimed + claimed % 2
            bytes_s = _bytes_a_second(file) if name == b"fmt " else bytes_s
            file.seek(after)
    raise UnreadableAudio("the WAV breaks off before its sound: export it again")


def _bytes_a_second(file: BinaryIO) -> int:
    """0 for a compressed one."""
    head = file.read(16)
    if len(head) < 16:
        raise UnreadableAudio("the WAV does not say what is in it: export it again")
    kind, channels, rate_hz, _, _, bits = struct.unpack("<HHIIHH", head)
    if not (0 < channels <= MOST_CHANNELS and 0 < rate_hz <= MOST_RATE_HZ):
        raise UnreadableAudio(
            f"the WAV says {channels} channels at {rate_hz} Hz: export it with 1 or 2 at 48000"
        )
    if kind not in PCM:
        return 0
    if bits not in (8, 16, 24, 32, 64):
        raise UnreadableAudio(f"the WAV says {bits} bits a sample: export it with 16")
    return int(channels * rate_hz * bits // 8)


def _bounded(duration_s: float) -> float:
    if duration_s <= 0:
        raise EmptyAudio("the WAV holds no sound: record it again")
    if duration_s > MAX_SPEECH_S:
        raise AudioTooLong(
            f"the WAV is {duration_s / 60:.0f} minutes long: use at most {MAX_SPEECH_S / 60:.0f}"
        )
    return duration_s
