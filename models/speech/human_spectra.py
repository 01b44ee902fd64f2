"""How people's phones sound: mean spectra out of pocketsphinx's acoustic model (BSD licence).

The model's Gaussians are MFCCs of 25 bands over 130..6800 Hz, each utterance's mean removed;
undone, they are log spectra of real speech, by phone. They pull the engine's spectra towards
human ones in training.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pocketsphinx
from scipy.fft import idct

from models.arrays import F32
from models.speech.features import BANDS, mel_centres_hz

PHONES = (  # noqa: SIM905 - as the model lists them, after two kinds of noise
    "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH SIL T TH UH "
    "UW V W Y Z ZH"
).split()
_NOISES = 2
_CEPSTRA, _FILTERS, _LIFTER = 13, 25, 22
_LOWEST_HZ, _HIGHEST_HZ = 130.0, 6800.0
_MAGIC = 0x11223344
_LOG_UNIT = 1024 * np.log(1.0001)

_PHONE_OF = {
    "AA": "ɑ ɒ a", "AE": "æ", "AH": "ʌ ə ɐ", "AO": "ɔ", "B": "b", "CH": "tʃ t͡ʃ", "D": "d ɾ d̪",
    "DH": "ð", "EH": "ɛ e", "ER": "ɚ ɝ ɜ", "F": "f", "G": "g ɡ", "HH": "h x ɦ", "IH": "ɪ ᵻ",
    "IY": "i", "JH": "dʒ d͡ʒ", "K": "k", "L": "l ɫ", "M": "m", "N": "n", "NG": "ŋ", "OW": "o",
    "P": "p", "R": "ɹ ɻ", "S": "s", "SH": "ʃ ʂ ɕ", "T": "t", "TH": "θ", "UH": "ʊ", "UW": "u",
    "V": "v", "W": "w", "Y": "j", "Z": "z", "ZH": "ʒ ʐ ʑ",
}  # fmt: skip
PHONE_INDEX = {
    symbol: PHONES.index(phone)
    for phone, symbols in _PHONE_OF.items()
    for symbol in symbols.split()
}


@dataclass(frozen=True)
class HumanSpectra:
    """Log-mel spectra (natural log) relative to the utterance, by phone and third of the phone.

    A phone's state is 3 * its index in PHONES + 0, 1 or 2: its beginning, middle or end.
    """

    means: F32  # (40 phones, 128 densities, 40 bands)
    spreads: F32  # (40 phones, 128 densities, 40 bands) standard deviations
    weights: F32  # (120 states, 128 densities), rows sum to one


def human_spectra() -> HumanSpectra:
    folder = Path(pocketsphinx.get_model_path("en-us/en-us"))
    cepstra = _read_gaussians(folder / "means")[_NOISES:]
    variances = _read_gaussians(folder / "variances")[_NOISES:]
    lifter = 1 + _LIFTER / 2 * np.sin(np.pi * np.arange(_CEPSTRA) / _LIFTER)
    means = _at_our_bands(idct(cepstra / lifter, n=_FILTERS, norm="ortho", axis=-1))
    basis = idct(np.eye(_CEPSTRA) / lifter, n=_FILTERS, norm="ortho", axis=-1)
    spreads = _at_our_bands(np.sqrt(variances @ np.square(basis)))
    weights = _read_weights(folder / "sendump", means.shape[1])[3 * _NOISES : 3 * len(means) + 6]
    speech = [index for index, phone in enumerate(PHONES) if phone != "SIL"]
    states = np.add.outer(3 * np.array(speech), np.arange(3)).ravel()
    level = np.einsum("sd,sdb->b", weights[states], means[np.repeat(speech, 3)]) / len(states)
    return HumanSpectra((means - level).astype(np.float32), spreads, weights)


def _read_gaussians(path: Path) -> F32:
    """(codebooks, densities, 13) static cepstra; the dynamic streams follow them in the file."""
    data = path.read_bytes()
    numbers = data[data.index(b"endhdr\n") + len(b"endhdr\n") :]
    magic, codebooks, streams, densities = np.frombuffer(numbers, "<i4", 4)
    if magic != _MAGIC:
        raise ValueError(f"{path} is no little-endian Sphinx 3 file")
    lengths = np.frombuffer(numbers, "<i4", streams, offset=16)
    size = densities * int(lengths.sum())
    values = np.frombuffer(numbers, "<f4", codebooks * size, offset=4 * (5 + streams))
    by_codebook = values.reshape(codebooks, size)
    static: F32 = by_codebook[:, : densities * lengths[0]].reshape(codebooks, densities, -1)
    return static


def _read_weights(path: Path, densities: int) -> F32:
    """(senones, densities) of the static stream; the file keeps negative logs in a byte each.

    The senones of the phones without context come first, three a phone.
    """
    data = path.read_bytes()
    offset = 0
    while (length := int.from_bytes(data[offset : offset + 4], "little")) != 0:
        offset += 4 + length
    _, senones = np.frombuffer(data, "<i4", 2, offset=offset + 4)
    logs = np.frombuffer(data, np.uint8, densities * senones, offset=offset + 12)
    weights = np.exp(-_LOG_UNIT * logs.reshape(densities, senones).T)
    normalised: F32 = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return normalised


def _at_our_bands(spectra: F32) -> F32:
    """Interpolated from the model's mel bands to ours; held beyond its edges."""
    theirs = mel_centres_hz(_LOWEST_HZ, _HIGHEST_HZ, _FILTERS)
    ours = mel_centres_hz()
    place = np.interp(ours, theirs, np.arange(_FILTERS))
    left = np.minimum(place.astype(np.int64), _FILTERS - 2)
    share = place - left
    bands: F32 = (spectra[..., left] * (1 - share) + spectra[..., left + 1] * share).astype(
        np.float32
    )
    return bands.reshape(*spectra.shape[:-1], BANDS)
