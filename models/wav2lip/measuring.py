"""The Wav2Lip renderer on one engine, calibrated and compared with the reference, to be timed."""

from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor

from models.contracts import Look
from models.engines.numerics import Deviation, deviation
from models.engines.saying import said
from models.motion.tracks import Heard
from models.portrait.face import Face, Picture
from models.renderer import Home
from models.wav2lip.engines import EAGER, Sample
from models.wav2lip.folding import fold
from models.wav2lip.loading import parts_of
from models.wav2lip.mel import hear, windows
from models.wav2lip.network import Maps
from models.wav2lip.renderer import Wav2LipRenderer
from models.weights.folder import WeightsFolder

SAMPLES, WINDOWS = 6, 8  # batches to calibrate with, windows in each


@dataclass(frozen=True)
class Ready:
    renderer: Wav2LipRenderer
    deviation: Deviation  # of its pictures from the reference's, on speech it was not calibrated on


def heard(frames: int, fps: Fraction) -> Heard:
    """Of a sentence said here; what is longer hears the end of it. Raises SpeechFailed."""
    return said(hear, frames, fps)


def ready(
    engine: str, home: Home, portrait: tuple[Picture, Face], look: Look, sound: Heard
) -> Ready:
    """Raises MissingWeights, WeightsRefused, EngineUnusable."""
    weights = WeightsFolder(home.weights)
    pin = weights.pin("wav2lip")
    folded = fold(weights.load("wav2lip"), pin.activation)
    encoder, decoders = parts_of(folded, home, pin.sha256)
    size, batch = folded.layout.size, decoders.batch
    reference = decoders.make(EAGER, ())
    maps = (
        Wav2LipRenderer(encoder, reference, size, home.device, batch).prepare(*portrait, look).maps
    )
    made = decoders.make(engine, maps, _samples(sound, maps) if "int8" in engine else ())
    unheard = _spread(sound, 2 * WINDOWS, offset=0.5).to(home.device)
    with torch.inference_mode():
        apart = deviation(made(unheard, *maps), reference(unheard, *maps))
    return Ready(Wav2LipRenderer(encoder, made, size, home.device, batch), apart)


def _samples(sound: Heard, maps: Maps) -> list[Sample]:
    face = tuple(each.float().cpu() for each in maps)
    return [(part, *face) for part in torch.split(_spread(sound, SAMPLES * WINDOWS), WINDOWS)]


def _spread(sound: Heard, count: int, offset: float = 0.0) -> Tensor:
    """`count` windows from all over the sound; another offset gives others."""
    last = len(sound.rows) - 16
    places = (torch.arange(count) + offset) * last / count
    return windows(torch.from_numpy(sound.rows), places.long())
