"""What the benchmarks render: a photograph that everyone has, and speech made here."""

import tempfile
import wave
from pathlib import Path

from skimage import data, io

from models.assets import DEFAULT_CACHE
from models.media.waveform import Recording, SpokenAudio
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
    path = FOLDER / "speech.wav"
    path.unlink(missing_ok=True)
    return EspeakSynthesiser().speak(text, "en-us", 1.0, 1.0, path)


def recording(seconds: float) -> Recording:
    """Speech of that length as a WAV, said over and over; nobody knows its text."""
    once = speech().recording
    path = FOLDER / f"recording-{seconds:g}s.wav"
    with wave.open(str(once.path)) as source:
        samples, rate = source.readframes(source.getnframes()), source.getframerate()
    wanted = round(seconds * rate)
    with wave.open(str(path), "wb") as target:
        target.setnchannels(1)
        target.setsampwidth(2)
        target.setframerate(rate)
        for start in range(0, wanted, len(samples) // 2):
            target.writeframes(samples[: 2 * (wanted - start)])
    return Recording(path, rate, wanted)


def work_folder() -> tempfile.TemporaryDirectory[str]:
    FOLDER.mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(dir=FOLDER)
