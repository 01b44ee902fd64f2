"""How well lips follow recorded speech: `python -m tests.perf.bench_speech --speech FOLDER`.

FOLDER holds NAME.wav beside NAME.phones.json, the phone times as pocketsphinx aligns them:
nested words and phones with begin `b` and duration `d` in seconds, text `t`.
Closures are judged on what the renderer gets: frames at 25 a second, closed at CLOSED or more.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray

from models.arrays import F32, Bool
from models.media.waveform import Phoneme, Recording, SpokenAudio
from models.motion.mouth import mouth_track, sample_mouth
from models.motion.tracks import MOUTH_CHANNELS
from models.speech.acoustic import acoustic_posteriors
from models.speech.allphone import ARPABET, Allphone
from models.speech.features import Heard, listen
from models.speech.posteriors import NET_LIPS, decided, viseme_posteriors
from models.speech.synthesis import EspeakSynthesiser
from models.speech.visemes import phoneme_posteriors, visemes_of
from tests.perf.table import report

FPS = Fraction(25)
CLOSED = 0.8
MISSED_BY_S, FALSE_BEYOND_S = 0.03, 0.05
NOISE_SNR_DB = 10.0
COLUMNS = (
    "method",
    "noise",
    "15-class accuracy",
    "corr gap",
    "corr width",
    f"/p b m/ found (closure >= {CLOSED})",
    "of",
    "false closures",
    "other phones",
    "real-time factor",
)

Method = Callable[[SpokenAudio, Heard], F32]


@dataclass(frozen=True)
class Sentence:
    name: str
    speech: SpokenAudio
    reference: tuple[Phoneme, ...]


@dataclass(frozen=True)
class Row:
    method: str
    noise: str
    accuracy: float
    gap_correlation: float
    width_correlation: float
    closures_found: int
    closures: int
    false_closures: int
    other_phones: int
    real_time_factor: float

    def cells(self) -> list[object]:
        return list(astuple(self))


def sentences(folder: Path) -> list[Sentence]:
    found = []
    for path in sorted(folder.glob("*.wav")):
        timing = json.loads(path.with_suffix(".phones.json").read_text())
        phones = tuple(
            Phoneme(ARPABET.get(phone["t"], ""), phone["b"], phone["b"] + phone["d"])
            for word in timing["w"]
            for phone in word["w"]
        )
        info = soundfile.info(path)
        recording = Recording(path, info.samplerate, info.frames)
        found.append(Sentence(path.stem, SpokenAudio(recording, text=timing["t"]), phones))
    if not found:
        raise SystemExit(f"no .wav with .phones.json in {folder}")
    return found


def in_noise(sentence: Sentence, folder: Path) -> Sentence:
    """Half white, half low-passed noise, NOISE_SNR_DB under the speech."""
    recording = sentence.speech.recording
    samples, rate = soundfile.read(recording.path, dtype="float32")
    white = np.random.default_rng(1).normal(size=(2, len(samples)))
    low = np.convolve(white[1], np.ones(16) / 16, mode="same")
    noise = white[0] / white[0].std() + low / low.std()
    level = np.sqrt(np.square(samples).mean() / np.square(noise).mean())
    path = folder / f"{sentence.name}.wav"
    soundfile.write(path, samples + noise * level * 10 ** (-NOISE_SNR_DB / 20), rate)
    noisy = Recording(path, rate, len(samples))
    return Sentence(
        sentence.name, SpokenAudio(noisy, text=sentence.speech.text), sentence.reference
    )


def methods() -> dict[str, Method]:
    allphone, synthesiser = Allphone(), EspeakSynthesiser()

    def recognised(speech: SpokenAudio, heard: Heard) -> F32:
        phones = allphone.phonemes(speech.recording, heard.energy_db)
        return phoneme_posteriors(phones, len(heard.energy_db))

    def net_alone(speech: SpokenAudio, heard: Heard) -> F32:
        return decided(acoustic_posteriors(heard.log_mel), *NET_LIPS)

    def without_text(speech: SpokenAudio, heard: Heard) -> F32:
        return viseme_posteriors(SpokenAudio(speech.recording), synthesiser).posteriors

    def with_text(speech: SpokenAudio, heard: Heard) -> F32:
        return viseme_posteriors(speech, synthesiser).posteriors

    return {
        "viseme net alone": net_alone,
        "allphone alone": recognised,
        "without text": without_text,
        "with text": with_text,
    }


def measure(name: str, noise: str, method: Method, material: Sequence[Sentence]) -> Row:
    method(material[0].speech, listen(material[0].speech.recording))  # load what loads once
    began = time.perf_counter()
    heard = [listen(sentence.speech.recording) for sentence in material]
    found = [method(s.speech, h) for s, h in zip(material, heard, strict=True)]
    seconds = time.perf_counter() - began
    truth = [
        phoneme_posteriors(sentence.reference, len(rows))
        for sentence, rows in zip(material, found, strict=True)
    ]
    hits = np.concatenate(
        [rows.argmax(1) == true.argmax(1) for rows, true in zip(found, truth, strict=True)]
    )
    mouths = [_mouth(rows, h) for rows, h in zip(found, heard, strict=True)]
    wanted = [_mouth(rows, h) for rows, h in zip(truth, heard, strict=True)]
    closures = np.sum(
        [_closures(mouth, s.reference) for mouth, s in zip(mouths, material, strict=True)], axis=0
    )
    return Row(
        method=name,
        noise=noise,
        accuracy=float(hits.mean()),
        gap_correlation=_correlation(mouths, wanted, "gap"),
        width_correlation=_correlation(mouths, wanted, "wide"),
        closures_found=int(closures[0]),
        closures=int(closures[1]),
        false_closures=int(closures[2]),
        other_phones=int(closures[3]),
        real_time_factor=seconds / sum(s.speech.recording.duration_s for s in material),
    )


def _mouth(posteriors: F32, heard: Heard) -> F32:
    frames = int(len(posteriors) * FPS / 100)
    return sample_mouth(mouth_track(posteriors, heard.energy_db), FPS, range(frames))


def _correlation(mouths: Sequence[F32], wanted: Sequence[F32], channel: str) -> float:
    column = MOUTH_CHANNELS.index(channel)
    pair = [np.concatenate([mouth[:, column] for mouth in all_of]) for all_of in (mouths, wanted)]
    return float(np.corrcoef(pair)[0, 1])


def _closures(mouth: F32, reference: Sequence[Phoneme]) -> tuple[int, int, int, int]:
    """(found, of, false, other phones)."""
    closed = mouth[:, MOUTH_CHANNELS.index("closure")] >= CLOSED
    times = (np.arange(len(closed)) + 0.5) / float(FPS)
    lips = [phone for phone in reference if visemes_of(phone.ipa) == ("PP",)]
    pauses = [phone for phone in reference if not phone.ipa]
    found = sum(bool(closed[_near(times, [phone], MISSED_BY_S)].any()) for phone in lips)
    excused = _near(times, lips, FALSE_BEYOND_S) | _near(times, pauses, 0)
    false = sum(not excused[run].any() for run in _runs(closed))
    return found, len(lips), false, len(reference) - len(lips) - len(pauses)


def _near(times: NDArray[np.floating], phones: Sequence[Phoneme], by_s: float) -> Bool:
    near = np.zeros(len(times), bool)
    half_frame_s = float(1 / FPS / 2)
    for phone in phones:
        near |= (times > phone.start_s - by_s - half_frame_s) & (
            times < phone.end_s + by_s + half_frame_s
        )
    return near


def _runs(closed: Bool) -> list[slice]:
    edges = np.diff(np.concatenate([[0], closed.astype(np.int8), [0]]))
    return [
        slice(int(start), int(stop))
        for start, stop in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--speech", type=Path, help="folder of .wav + .phones.json")
    where.add_argument("folder", type=Path, nargs="?", help="the same, without the option")
    arguments = parser.parse_args()
    clean = sentences(arguments.speech or arguments.folder)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        noisy = [in_noise(sentence, Path(folder)) for sentence in clean]
        rows = [
            measure(name, noise, method, material)
            for noise, material in (("none", clean), (f"{NOISE_SNR_DB:g} dB", noisy))
            for name, method in methods().items()
        ]
    report("speech", list(COLUMNS), [row.cells() for row in rows])


if __name__ == "__main__":
    main()
