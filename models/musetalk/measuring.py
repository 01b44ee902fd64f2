"""The MuseTalk renderer on one engine, compared with the reference, to be timed."""

from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor

from models.contracts import Look
from models.engines.numerics import Deviation, deviation
from models.engines.saying import said
from models.motion.tracks import Sound
from models.musetalk.ears import Ears, Listener
from models.musetalk.engines import EAGER
from models.musetalk.loading import batch_of, parts_of
from models.musetalk.networks import networks
from models.musetalk.renderer import MuseTalkRenderer
from models.musetalk.sound import listen
from models.portrait.face import Face, Picture
from models.renderer import Home
from models.renderers import MUSETALK
from models.weights.folder import WeightsFolder

COMPARED = 2  # frames: a processor takes ten seconds for each


@dataclass(frozen=True)
class Ready:
    renderer: MuseTalkRenderer
    deviation: Deviation  # of its pictures from the reference's


def sound(frames: int, fps: Fraction) -> Sound:
    """Of a sentence said here. Raises SpeechFailed."""
    return said(listen, frames, fps)


def ready(
    engine: str, home: Home, portrait: tuple[Picture, Face], look: Look, given: Sound
) -> Ready:
    """Raises MissingWeights, WeightsRefused, EngineUnusable."""
    folder, name = WeightsFolder(home.weights), str(MUSETALK.weights)
    built, identity = networks(folder.load(name)), folder.pin(name).sha256
    encoder, ears, decoders = parts_of(built, home, identity)
    reference, made = decoders.make(EAGER), decoders.make(engine)
    batch = batch_of(home)
    renderer = MuseTalkRenderer(encoder, made, ears, home.device, batch, home.threads)
    maps = renderer.prepare(*portrait, look).maps
    heard = _some(ears, given)
    with torch.inference_mode():
        apart = deviation(made(heard, *maps).cpu(), reference(heard, *maps).cpu())
    return Ready(renderer, apart)


def _some(ears: Ears, given: Sound) -> Tensor:
    """What frames in the middle hear."""
    middle = len(given.starts) // 2
    with torch.inference_mode():
        return Listener(ears, given).heard(middle, middle + COMPARED)
