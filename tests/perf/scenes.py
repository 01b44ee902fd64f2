"""What the benchmarks render: a photograph that everyone has, and speech made here."""

import tempfile
from pathlib import Path

import soundfile
from skimage import data, io

from models.assets import DEFAULT_CACHE
from models.media.waveform import SpokenAudio
from models.portrait.analyser import FaceAnalyser
from models.speech.synthesis import EspeakSynthesiser

FOLDER = Path("out/bench")
TEXT = (
    "Hello there! My name does not matter, and before this morning I had never said a word. "
    "People often ask me whether pictures can move. Well, maybe the big brown beaver "
    "purposely moves my mouth, but we both believe it, and you should see my face. "
)


def analyser() -> FaceAnalyser:
    return FaceAnalyser(DEFAULT_CACHE)


def astronaut() -> Path:
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / "astronaut.png"
    io.imsave(path, data.astronaut())  # type: ignore[no-untyped-call]
    return path


def speech(text: str = TEXT) -> SpokenAudio:
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / "speech.wav"
    path.unlink(missing_ok=True)
    return EspeakSynthesiser().speak(text, "en-us", 1.0, 1.0, path)


def recording(seconds: float) -> Path:
    """Speech of that length as FLAC, said over and over; nobody knows its text."""
    samples, rate = soundfile.read(speech().recording.path, dtype="int16")
    path, left = FOLDER / f"recording-{seconds:g}s.flac", round(seconds * rate)
    with soundfile.SoundFile(path, "w", rate, 1) as file:
        while left > 0:
            file.write(samples[:left])
            left -= len(samples)
    return path


def work_folder() -> tempfile.TemporaryDirectory[str]:
    FOLDER.mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(dir=FOLDER)
