"""From the weights on this machine to a renderer."""

import logging

import torch

from models.renderer import Card, Home
from models.renderers import WAV2LIP
from models.tally import uses
from models.wav2lip.crop import shown_from
from models.wav2lip.engines import Decoders
from models.wav2lip.folding import Folded, fold
from models.wav2lip.network import FaceEncoder, Maps, Trim
from models.wav2lip.renderer import BATCH, Wav2LipRenderer
from models.weights.folder import WeightsFolder

log = logging.getLogger(__name__)


def load(home: Home, card: Card = WAV2LIP) -> Wav2LipRenderer:
    """Raises MissingWeights, WeightsRefused."""
    folder, name = WeightsFolder(home.weights), str(card.weights)
    state, pin = folder.load(name), folder.pin(name)
    made = made_of(fold(state, pin.activation), home, pin.sha256)
    made.card = card
    return made


def made_of(folded: Folded, home: Home, identity: str = "unknown") -> Wav2LipRenderer:
    """With the best engine that can be had here."""
    encoder, decoders = parts_of(folded, home, identity)
    name, engine = decoders.best(shapes_of(encoder, folded.layout.size))
    uses(WAV2LIP.name, name)
    log.info("wav2lip of %d pixels on %s: %s", folded.layout.size, home.device, name)
    return Wav2LipRenderer(encoder, engine, folded.layout.size, home.device, decoders.batch)


def parts_of(folded: Folded, home: Home, identity: str) -> tuple[FaceEncoder, Decoders]:
    layout = folded.layout
    trim = Trim.to(shown_from(layout.size), layout)
    encoder = FaceEncoder(folded, trim).to(torch.device(home.device))
    return encoder, Decoders(folded, trim, identity, home, home.max_batch or BATCH)


def shapes_of(encoder: FaceEncoder, size: int) -> Maps:
    """Maps of a black face: engines are built for their shapes."""
    device = next(encoder.parameters()).device
    with torch.inference_mode():
        maps: Maps = encoder(torch.zeros(1, 6, size, size, device=device))
    return maps
