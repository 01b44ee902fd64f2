"""From the weights on this machine to a renderer."""

import torch

from models.renderer import Home
from models.renderers import WAV2LIP
from models.wav2lip.crop import shown_from
from models.wav2lip.folding import Folded, fold
from models.wav2lip.network import FaceEncoder, LipDecoder, Trim
from models.wav2lip.renderer import BATCH, Wav2LipRenderer
from models.weights.folder import WeightsFolder


def load(home: Home) -> Wav2LipRenderer:
    """Raises MissingWeights, WeightsRefused, EngineUnusable."""
    folded = fold(WeightsFolder(home.weights).load(str(WAV2LIP.weights)))
    return made_of(folded, home)


def made_of(folded: Folded, home: Home) -> Wav2LipRenderer:
    device, size = torch.device(home.device), folded.layout.size
    trim = Trim.to(shown_from(size), folded.layout)
    encoder = FaceEncoder(folded, trim).to(device)
    decoder = LipDecoder(folded, trim).to(device)
    return Wav2LipRenderer(encoder, decoder, size, home.device, home.max_batch or BATCH)
