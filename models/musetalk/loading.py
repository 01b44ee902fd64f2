"""From the weights on this machine to a renderer."""

import logging

import torch

from models.musetalk.crop import SHOWN_FROM
from models.musetalk.ears import Ears
from models.musetalk.engines import Decoders, moved
from models.musetalk.network import PortraitEncoder
from models.musetalk.networks import Networks, networks
from models.musetalk.renderer import MuseTalkRenderer
from models.renderer import Home
from models.renderers import MUSETALK
from models.tally import uses
from models.weights.folder import WeightsFolder

BATCH_ON_CARD, BATCH = 16, 4  # a frame's largest activations are 30 MB in 16 bits

log = logging.getLogger(__name__)


def load(home: Home) -> MuseTalkRenderer:
    """Raises MissingWeights, WeightsRefused, MissingDependency."""
    folder, name = WeightsFolder(home.weights), str(MUSETALK.weights)
    return made_of(networks(folder.load(name)), home, folder.pin(name).sha256)


def made_of(built: Networks, home: Home, identity: str = "unknown") -> MuseTalkRenderer:
    """With the best engine that can be had here."""
    encoder, ears, decoders = parts_of(built, home, identity)
    name, engine = decoders.best()
    uses(MUSETALK.name, name)
    log.info("musetalk on %s: %s", home.device, name)
    return MuseTalkRenderer(encoder, engine, ears, home.device, batch_of(home), home.threads)


def parts_of(
    built: Networks, home: Home, identity: str = "unknown"
) -> tuple[PortraitEncoder, Ears, Decoders]:
    device = torch.device(home.device)
    encoder = moved(PortraitEncoder(built), device).eval()
    ears = Ears(moved(built.ears, device).eval(), device)
    return encoder, ears, Decoders(built, SHOWN_FROM, home, identity, batch_of(home))


def batch_of(home: Home) -> int:
    on_card = torch.device(home.device).type == "cuda"
    return home.max_batch or (BATCH_ON_CARD if on_card else BATCH)
