"""MuseTalk with random weights of any size, on any device: as fast as with trained ones."""

from dataclasses import dataclass

import torch
from torch import Tensor

from models.musetalk.ears import Ears
from models.musetalk.engines import Decoders
from models.musetalk.layout import PICTURE
from models.musetalk.loading import parts_of
from models.musetalk.network import Maps
from models.musetalk.networks import networks
from models.renderer import Home
from tests.models.musetalk import published


@dataclass(frozen=True, eq=False)
class RandomParts:
    decoders: Decoders  # .make(NAME) is an engine, called with what is heard and the maps
    ears: Ears
    maps: Maps  # of a portrait of noise
    sizes: published.Sizes

    def heard(self, frames: int, seed: int = 0) -> Tensor:
        """(frames, tokens, D) of noise, on the device."""
        random = torch.Generator().manual_seed(seed)
        shape = frames, 10 * (self.sizes.ear_layers + 1), self.sizes.width
        return torch.randn(shape, generator=random).to(self.decoders.home.device)


def random_parts(home: Home, sizes: published.Sizes = published.PUBLISHED) -> RandomParts:
    """At its published size it takes 4 GB of memory, and half a minute."""
    encoder, ears, decoders = parts_of(networks(published.random_state(sizes)), home)
    random = torch.Generator().manual_seed(1)
    pictures = 2 * torch.rand(2, 3, PICTURE, PICTURE, generator=random) - 1
    with torch.inference_mode():
        maps = encoder(pictures.to(home.device))
    return RandomParts(decoders, ears, maps, sizes)
