"""What the acoustic methods hear: log-mel bands and loudness at 100 rows a second.

Row k looks at 25 ms around (k + 0.5) / 100 s. Recordings are read and resampled in blocks.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import soundfile
import soxr

from models.arrays import F32, F64
from models.errors import UnreadableAudio
from models.media.waveform import ANALYSIS_RATE_HZ, Recording

BANDS = 40
HOP = ANALYSIS_RATE_HZ // 100
WINDOW = ANALYSIS_RATE_HZ // 40
_FFT = 512
_LOWEST_HZ, _HIGHEST_HZ = 60.0, 7600.0
_MARGIN = (WINDOW - HOP) // 2  # a row's window reaches this far over both ends of its 10 ms
_BLOCK_S = 10
_QUIETEST_DB, _LOUDEST_DB = -60.0, 20.0
_SPEECH_PERCENTILE = 95
_BELOW_PEAK_DB = 40.0
_FAINTEST_SPEECH_DB = -60.0  # of full scale: below it is no speech, however loud relatively


@dataclass(frozen=True)
class Heard:
    log_mel: F32  # (T, 40)
    energy_db: F32  # (T,) relative to the speech level, -60..20


def listen(recording: Recording) -> Heard:
    """Raises UnreadableAudio."""
    return hear(blocks_16k(recording))


def hear(blocks: Iterable[F32]) -> Heard:
    """Features of 16 kHz blocks that follow one another."""
    parts = [_rows(piece) for piece in _overlapping(blocks)]
    mels = [mel for mel, _ in parts]
    powers = [power for _, power in parts]
    mel = np.concatenate(mels) if mels else np.zeros((0, BANDS), np.float32)
    return Heard(mel, _relative_db(np.concatenate(powers) if powers else np.zeros(0, np.float32)))


def blocks_16k(recording: Recording, start_s: float = 0, stop_s: float = np.inf) -> Iterator[F32]:
    """The recording at 16 kHz, ten seconds at a time. Raises UnreadableAudio."""
    rate = recording.sample_rate_hz
    resampler = soxr.ResampleStream(rate, ANALYSIS_RATE_HZ, 1, dtype="float32", quality="HQ")
    try:
        with soundfile.SoundFile(recording.path) as file:
            file.seek(min(round(start_s * rate), recording.samples))
            left = round(min(stop_s, recording.duration_s) * rate) - file.tell()
            while left > 0:
                block = file.read(min(left, _BLOCK_S * rate), dtype="float32")
                left = left - len(block) if len(block) else 0
                yield resampler.resample_chunk(block, last=left <= 0)
    except (OSError, soundfile.LibsndfileError) as error:
        raise UnreadableAudio(
            f"{recording.path.name} cannot be read ({error}): export it again as WAV"
        ) from error


def normalised(log_mel: F32) -> F32:
    """Each band's mean over the louder half removed, scaled to about -3.5..3.5."""
    if len(log_mel) == 0:
        return log_mel
    loudness = log_mel.mean(axis=1)
    level = log_mel[loudness >= np.median(loudness)].mean(axis=0)
    scaled: F32 = np.clip((log_mel - level) / 3, -3.5, 3.5).astype(np.float32)
    return scaled


def _overlapping(blocks: Iterable[F32]) -> Iterator[F32]:
    """Blocks cut so that each holds whole rows and their margins; the end is padded."""
    held = np.zeros(_MARGIN, np.float32)
    total = 0
    rows = 0
    for block in blocks:
        total += len(block)
        held = np.concatenate([held, block])
        ready = (len(held) - 2 * _MARGIN) // HOP
        if ready > 0:
            yield held[: ready * HOP + 2 * _MARGIN]
            held = held[ready * HOP :]
            rows += ready
    missing = -(-total // HOP) - rows
    if missing > 0:
        padding = np.zeros(missing * HOP + 2 * _MARGIN - len(held), np.float32)
        yield np.concatenate([held, padding])


def _rows(piece: F32) -> tuple[F32, F32]:
    """(T, 40) log-mel and (T,) mean power of a piece with its margins."""
    windows = np.lib.stride_tricks.sliding_window_view(piece, WINDOW)[::HOP]
    power = np.square(windows).mean(axis=1)
    spectrum = np.fft.rfft(windows * _hann(), _FFT, axis=1)
    energy = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    log_mel: F32 = np.log(energy @ _mel_bank() + 1e-7).astype(np.float32)
    return log_mel, power.astype(np.float32)


def _relative_db(power: F32) -> F32:
    """Loudness over the level that the louder speech reaches."""
    if len(power) == 0:
        return power
    decibels = 10 * np.log10(power + 1e-10)
    audible = decibels[decibels > decibels.max() - _BELOW_PEAK_DB]
    level = max(float(np.percentile(audible, _SPEECH_PERCENTILE)), _FAINTEST_SPEECH_DB)
    relative: F32 = np.clip(decibels - level, _QUIETEST_DB, _LOUDEST_DB).astype(np.float32)
    return relative


@cache
def _hann() -> F32:
    return np.hanning(WINDOW + 1)[:-1].astype(np.float32)


@cache
def _mel_bank() -> F32:
    """(257, 40) triangles, evenly spaced on the mel scale."""
    edges = _mel_edges_hz(_LOWEST_HZ, _HIGHEST_HZ, BANDS)
    bins = np.arange(_FFT // 2 + 1) * ANALYSIS_RATE_HZ / _FFT
    rising = (bins[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins[:, None]) / (edges[2:] - edges[1:-1])
    bank: F32 = np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
    return bank


def mel_centres_hz(
    lowest_hz: float = _LOWEST_HZ, highest_hz: float = _HIGHEST_HZ, bands: int = BANDS
) -> F64:
    """(bands,) where the triangles peak."""
    return _mel_edges_hz(lowest_hz, highest_hz, bands)[1:-1]


def _mel_edges_hz(lowest_hz: float, highest_hz: float, bands: int) -> F64:
    return _hertz(np.linspace(_mel(lowest_hz), _mel(highest_hz), bands + 2))


def _mel(hertz: float) -> float:
    return float(2595 * np.log10(1 + hertz / 700))


def _hertz(mel: F64) -> F64:
    hertz: F64 = 700 * (10 ** (mel / 2595) - 1)
    return hertz
