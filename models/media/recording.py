"""A caller's recording, checked and made into the mono WAV that everything else works on."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import numpy as np

from models.arrays import F32
from models.contracts import MAX_AUDIO_BYTES, RecordingReport
from models.errors import (
    AudioTooLarge,
    ClippedAudio,
    EmptyAudio,
    SilentAudio,
    UnreadableAudio,
)
from models.media.decode import Sound, opened_sound
from models.media.downmix import Downmix
from models.media.files import writing_to
from models.media.levels import ClipCounter, Levels, SoundMeter
from models.media.loudness import limited, normalising_gain
from models.media.wav import BLOCK_S, blocks, read_analysis, resampled, write_recording
from models.media.waveform import Recording

__all__ = ["blocks", "load_recording", "read_analysis"]

RATES_HZ = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
SILENT_PEAK_DBFS = -50.0
SILENT_LEVEL_DBFS = -60.0  # of the loudest 50 ms
MAX_CLIPPED_SHARE = 0.1

QUIET_LEVEL_DBFS = -40.0
CLIPPED_SHARE = 0.001
NOISY_DB = 20.0  # between speech and pauses
NARROW_SHARE = 10**-4.5  # power above 4.2 kHz; speech has a thousandth even when muffled
LATE_S = 1.5


def load_recording(
    path: Path,
    out: Path,
    *,
    max_bytes: int = MAX_AUDIO_BYTES,
    normalise_loudness: bool = False,
) -> tuple[Recording, RecordingReport]:
    """Decode any audio or video file to a mono 16-bit WAV of at most 48 kHz at `out`.

    Works block by block: 30 minutes take no more memory than one. `out` appears only whole.
    Raises the AudioErrors, DiskFull, OutputNotWritable.
    """
    _check_file(path, max_bytes)
    with opened_sound(path) as sound:
        passage = _Passage(sound, path.name)
        if normalise_loudness:
            recording, meter = _write_normalised(passage, out)
        else:
            recording = write_recording(out, passage.rate_hz, passage.checked())
            meter = passage.meter
    return recording, passage.report(recording, meter)


class _Passage:
    """The way of one recording from its channels to mono, metered on the way."""

    def __init__(self, sound: Sound, name: str) -> None:
        self._sound, self._name = sound, name
        self._clips, self._downmix = ClipCounter(), Downmix(sound.channel_names)
        self.rate_hz = next((hz for hz in RATES_HZ if hz >= sound.sample_rate_hz), RATES_HZ[-1])
        self.meter = SoundMeter(self.rate_hz)

    def checked(self) -> Iterator[F32]:
        """(N,) blocks. Raises, at the end, what the whole of it is refused for."""
        mono = self._downmix.mix(self._clips.watch(self._sound.blocks()))
        yield from self.meter.watch(resampled(mono, self._sound.sample_rate_hz, self.rate_hz))
        self._refuse(self.meter.levels())

    def _refuse(self, levels: Levels) -> None:
        if not len(levels.hops_db):
            raise EmptyAudio(f"{self._name} holds no sound: its track has 0 samples")
        if levels.peak_dbfs < SILENT_PEAK_DBFS or levels.loudest_db < SILENT_LEVEL_DBFS:
            raise SilentAudio(
                f"{self._name} is silent (it peaks at {levels.peak_dbfs:.0f} dBFS): "
                "check the microphone or choose another file"
            )
        if self._clips.share > MAX_CLIPPED_SHARE:
            raise ClippedAudio(
                f"{self._name} is clipped in {self._clips.share:.0%} of its samples: "
                "record it again at a lower level"
            )

    def report(self, recording: Recording, written: SoundMeter) -> RecordingReport:
        return RecordingReport(
            duration_s=recording.duration_s,
            sample_rate_hz=self._sound.sample_rate_hz,
            channels=len(self._sound.channel_names),
            loudness_lufs=written.loudness_lufs(),
            peak_dbfs=written.levels().peak_dbfs,
            warnings=tuple(self._warnings(recording.duration_s)),
        )

    def _warnings(self, duration_s: float) -> Iterator[str]:
        levels, sound = self.meter.levels(), self._sound
        if levels.speech_db < QUIET_LEVEL_DBFS:
            yield f"the recording is quiet ({levels.speech_db:.0f} dBFS): normalise its loudness"
        if self._clips.share > CLIPPED_SHARE:
            yield f"{self._clips.share:.1%} of the samples are clipped: record at a lower level"
        if levels.high_share < NARROW_SHARE:
            yield "nothing above 4 kHz, as on a telephone: lips follow s, f and sh less exactly"
        if levels.above_noise_db < NOISY_DB:
            yield (
                f"noise only {levels.above_noise_db:.0f} dB below the speech: "
                "lips follow less exactly, unless a transcript is given"
            )
        if levels.leading_silence_s > LATE_S:
            yield f"the first {levels.leading_silence_s:.1f} s are silent"
        if self._downmix.turned_over:
            yield "the channels oppose each other; one was turned over"
        if sound.damaged:
            yield f"{sound.damaged} of {sound.packets} pieces are damaged and were left out"
        if duration_s < sound.claimed_s - max(1.0, 0.02 * sound.claimed_s):
            yield (
                f"the header promises {sound.claimed_s:.0f} s, the file holds {duration_s:.1f} s: "
                "that is what was used"
            )


def _check_file(path: Path, max_bytes: int) -> None:
    if not path.exists():
        raise UnreadableAudio(f"there is no file {path}")
    if path.is_dir():
        raise UnreadableAudio(f"{path} is a folder: give the name of a recording in it")
    if not path.is_file():
        raise UnreadableAudio(f"{path} is a device or a pipe: give the name of a file")
    size = path.stat().st_size
    if size == 0:
        raise EmptyAudio(f"{path.name} is empty (0 bytes)")
    if size > max_bytes:
        raise AudioTooLarge(
            f"{path.name} has {size / 2**20:.1f} MB, more than the {max_bytes / 2**20:.0f} MB "
            "allowed: compress it, for example to MP3"
        )


def _write_normalised(passage: _Passage, out: Path) -> tuple[Recording, SoundMeter]:
    """The gain is known only at the end, so the sound waits in a nameless file beside `out`."""
    meter = SoundMeter(passage.rate_hz)
    with writing_to(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        spool = TemporaryFile(dir=out.parent)  # noqa: SIM115
    with spool:
        for block in passage.checked():
            with writing_to(out):
                spool.write(block.tobytes())
        gain = normalising_gain(passage.meter.loudness_lufs())
        loud = limited(_spooled(spool, passage.rate_hz), passage.rate_hz, gain)
        return write_recording(out, passage.rate_hz, meter.watch(loud)), meter


def _spooled(spool: IO[bytes], rate_hz: int) -> Iterator[F32]:
    spool.seek(0)
    size = round(BLOCK_S * rate_hz) * np.dtype(np.float32).itemsize
    while raw := spool.read(size):
        yield np.frombuffer(raw, np.float32)
