"""Phones of human speech without its text, by pocketsphinx (BSD licence).

Its American English acoustic model hears people well and the embedded engine badly: it never
gets synthetic speech. It falls apart in noise, where the viseme net doesn't.
"""

from collections.abc import Iterator

import numpy as np
import pocketsphinx

from models.arrays import F32
from models.media.waveform import ANALYSIS_RATE_HZ, Phoneme, Recording
from models.speech.features import blocks_16k
from models.speech.visemes import RATE_HZ

LONGEST_S, SHORTEST_S = 30.0, 8.0
_LANGUAGE_WEIGHT, _BEAM, _PHONE_BEAM = 2.0, 1e-20, 1e-20
ARPABET = {
    "AA": "ɑ", "AE": "æ", "AH": "ʌ", "AO": "ɔ", "AW": "aʊ", "AY": "aɪ", "B": "b", "CH": "tʃ",
    "D": "d", "DH": "ð", "EH": "ɛ", "ER": "ɚ", "EY": "eɪ", "F": "f", "G": "ɡ", "HH": "h",
    "IH": "ɪ", "IY": "i", "JH": "dʒ", "K": "k", "L": "l", "M": "m", "N": "n", "NG": "ŋ",
    "OW": "oʊ", "OY": "ɔɪ", "P": "p", "R": "ɹ", "S": "s", "SH": "ʃ", "T": "t", "TH": "θ",
    "UH": "ʊ", "UW": "u", "V": "v", "W": "w", "Y": "j", "Z": "z", "ZH": "ʒ",
}  # fmt: skip


class Allphone:
    """A phone loop. Not thread-safe; loads in a tenth of a second."""

    def __init__(self) -> None:
        self._decoder = pocketsphinx.Decoder(
            hmm=pocketsphinx.get_model_path("en-us/en-us"),
            allphone=pocketsphinx.get_model_path("en-us/en-us-phone.lm.bin"),
            lw=_LANGUAGE_WEIGHT,
            beam=_BEAM,
            pbeam=_PHONE_BEAM,
            loglevel="FATAL",
        )

    def phonemes(self, recording: Recording, energy_db: F32) -> list[Phoneme]:
        """The whole recording, decoded from pause to pause; `energy_db` is its 100 Hz loudness."""
        return [
            phoneme
            for start_row, stop_row in pieces(energy_db)
            for phoneme in self._piece(recording, start_row / RATE_HZ, stop_row / RATE_HZ)
        ]

    def _piece(self, recording: Recording, start_s: float, stop_s: float) -> Iterator[Phoneme]:
        blocks = list(blocks_16k(recording, start_s, stop_s))
        samples = np.concatenate(blocks)
        if len(samples) < ANALYSIS_RATE_HZ // 10:
            return
        pcm = (np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()
        self._decoder.start_utt()
        self._decoder.process_raw(pcm, full_utt=True)
        self._decoder.end_utt()
        for segment in self._decoder.seg():
            start = start_s + segment.start_frame / RATE_HZ
            end = start_s + (segment.end_frame + 1) / RATE_HZ
            yield Phoneme(ARPABET.get(segment.word, ""), start, end)


def pieces(energy_db: F32) -> list[tuple[int, int]]:
    """Rows (start, stop) of at most LONGEST_S, cut where it is quietest."""
    cuts = [0]
    while len(energy_db) - cuts[-1] > LONGEST_S * RATE_HZ:
        first = cuts[-1] + int(SHORTEST_S * RATE_HZ)
        window = energy_db[first : cuts[-1] + int(LONGEST_S * RATE_HZ)]
        smooth = np.convolve(window, np.ones(21) / 21, mode="same")
        cuts.append(first + int(smooth[10:-10].argmin()) + 10)
    return list(zip(cuts, [*cuts[1:], len(energy_db)], strict=True))
