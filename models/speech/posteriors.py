"""Which mouth shape when, at 100 Hz, from the best that is known of a recording."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy.ndimage import gaussian_filter1d, maximum_filter1d

from models.arrays import F32
from models.media.waveform import SpokenAudio
from models.speech.acoustic import acoustic_posteriors
from models.speech.alignment import WORST_MISFIT, aligned
from models.speech.allphone import Allphone
from models.speech.features import Heard, listen
from models.speech.synthesis import EspeakSynthesiser, embedded_synthesiser
from models.speech.visemes import VISEMES, phoneme_posteriors

_LIPS = VISEMES.index("PP")
# Measured on recorded speech: where between two likelihoods of /p b m/ the lips shut.
NET_LIPS, FUSED_LIPS = (0.15, 0.30), (0.20, 0.35)
_ALLPHONE_SHARE = 0.5
# Allphone is at its best above, and worse than the net below; estimated_snr_db ends near 30.
_DEAF_SNR_DB, _CLEAR_SNR_DB = 21.0, 26.0
_HOLD_ROWS = 21  # the closure of a stop is silent, but not for longer
_FLOOR_PERCENTILE = 5
_GATE_DB, _NOISY_GATE_DB, _GATE_WIDTH_DB = -38.0, -22.0, 10.0


class Source(StrEnum):
    PHONEMES = "phonemes"  # the engine's own
    TEXT = "aligned text"
    RECOGNISED = "recognised phones"  # pocketsphinx and the viseme net together
    ACOUSTIC = "viseme net"


@dataclass(frozen=True)
class SpeechVisemes:
    posteriors: F32  # (T, 15), rows sum to one
    energy_db: F32  # (T,) over the speech level
    source: Source
    speech: SpokenAudio  # with phonemes and words, where alignment found them


def viseme_posteriors(
    speech: SpokenAudio, synthesiser: EspeakSynthesiser | None = None
) -> SpeechVisemes:
    """The first of: its own phonemes, its text aligned, phones recognised, the net alone.

    Reads the recording in blocks; half an hour takes under 300 MB. Raises UnreadableAudio,
    MissingModels, and what aligning raises.
    """
    heard = listen(speech.recording)
    if len(heard.energy_db) == 0:
        nothing = np.zeros((0, len(VISEMES)), np.float32)
        return SpeechVisemes(nothing, heard.energy_db, Source.ACOUSTIC, speech)
    source = Source.PHONEMES
    if speech.text and not speech.phonemes:
        source, speech = Source.TEXT, _timed(speech, heard, synthesiser)
    if speech.phonemes:
        posteriors = phoneme_posteriors(speech.phonemes, len(heard.energy_db))
    else:
        posteriors, source = _recognised(speech, heard)
    return SpeechVisemes(gated(posteriors, heard), heard.energy_db, source, speech)


def with_times(speech: SpokenAudio, synthesiser: EspeakSynthesiser | None = None) -> SpokenAudio:
    """A recording whose text is known, with its phonemes and words timed.

    The same speech where the text isn't known, or isn't what is said. Raises as above.
    """
    if speech.phonemes or not speech.text:
        return speech
    return _timed(speech, listen(speech.recording), synthesiser)


def _timed(speech: SpokenAudio, heard: Heard, synthesiser: EspeakSynthesiser | None) -> SpokenAudio:
    timed, misfit = aligned(speech, heard, synthesiser or embedded_synthesiser())
    return timed if misfit <= WORST_MISFIT else speech


def estimated_snr_db(energy_db: F32) -> float:
    """The louder speech over the quietest twentieth."""
    return float(np.percentile(energy_db, 90) - np.percentile(energy_db, _FLOOR_PERCENTILE))


def _recognised(speech: SpokenAudio, heard: Heard) -> tuple[F32, Source]:
    net = acoustic_posteriors(heard.log_mel)
    clearness = (estimated_snr_db(heard.energy_db) - _DEAF_SNR_DB) / (_CLEAR_SNR_DB - _DEAF_SNR_DB)
    share = float(_ALLPHONE_SHARE * np.clip(clearness, 0, 1))
    if share == 0:
        return decided(net, *NET_LIPS), Source.ACOUSTIC
    phones = phoneme_posteriors(Allphone().phonemes(speech.recording, heard.energy_db), len(net))
    fused: F32 = share * phones + (1 - share) * net
    return decided(fused, *FUSED_LIPS), Source.RECOGNISED


def decided(posteriors: F32, opened: float, shut: float) -> F32:
    """Lips are shut or they aren't: likely closures become whole ones, unlikely ones vanish."""
    lips = posteriors[:, _LIPS]
    closure = np.clip((lips - opened) / (shut - opened), 0, 1)
    decided = posteriors * ((1 - closure) / np.maximum(1 - lips, 1e-6))[:, None]
    decided[:, _LIPS] = closure
    normalised: F32 = (decided / decided.sum(axis=1, keepdims=True)).astype(np.float32)
    return normalised


def gated(posteriors: F32, heard: Heard) -> F32:
    """What is as quiet as the background is silence."""
    floor = float(np.percentile(heard.energy_db, _FLOOR_PERCENTILE))
    quiet = np.clip(floor + 2, _GATE_DB, _NOISY_GATE_DB)
    held = maximum_filter1d(heard.energy_db, _HOLD_ROWS, mode="nearest")
    smooth = gaussian_filter1d(held, 2.0, mode="nearest")
    gate = np.clip((smooth - quiet) / _GATE_WIDTH_DB, 0, 1)
    gated = posteriors * gate[:, None]
    gated[:, 0] += 1 - gate
    result: F32 = gated.astype(np.float32)
    return result
