"""MuseTalk in two parts: what a portrait needs once, and what every frame needs.

The UNet sees the same latents in every frame, and only its attentions hear. So all that comes
before the first of them is computed once a portrait, and so is what its first features add to its
last block.
"""

from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

from models.musetalk.blocks import (
    Looking,
    Norm,
    Residual,
    Transformer,
    conv_of,
    planes_of,
)
from models.musetalk.networks import Networks
from models.musetalk.unet import Half, MouthUNet, resizer, time_of

SCALE = 0.18215  # of the VAE's latents
Maps = tuple[Tensor, ...]  # (1, C, 32, 32) each, see PortraitEncoder


class PortraitEncoder(nn.Module):
    """Pictures (2, 3, 256, 256), the masked face and the face, RGB -1..1, to what decoders take.

    The first block's features, the tokens that it attends with, their queries, and what the first
    convolution's features add to the last block's first convolution and to its shortcut.
    """

    def __init__(self, built: Networks) -> None:
        super().__init__()
        unet, time = built.unet, time_of(built.unet)
        self.encoder, self.quant = built.vae.encoder, built.vae.quant_conv
        self.enter = unet.conv_in
        self.residual = Residual(unet.down_blocks[0].resnets[0], time)
        self.attention = Transformer(unet.down_blocks[0].attentions[0])
        latest = unet.up_blocks[-1].resnets[-1]
        self.last = Half(Residual(latest, time), latest.norm1, portrait=True)

    def latents(self, pictures: Tensor) -> Tensor:
        """(1, 8, 32, 32): the likeliest ones, nothing is drawn by chance."""
        likeliest = self.quant(self.encoder(pictures)).chunk(2, dim=1)[0]
        latents: Tensor = (SCALE * likeliest).flatten(0, 1)[None]
        return latents

    def forward(self, pictures: Tensor) -> Maps:
        features = self.enter(self.latents(pictures))
        x = self.residual(features)
        height = x.shape[2]
        tokens, query = (planes_of(each, height) for each in self.attention.first(x))
        return (x, tokens, query, *self.last(features))


class PictureDecoder(nn.Module):
    """Latents (B, 4, 32, 32) to pictures (B, 3, h, 256), RGB 0..1, their rows from `top` on."""

    def __init__(self, vae: Any, top: int) -> None:  # noqa: ANN401
        super().__init__()
        decoder, quant = vae.decoder, vae.post_quant_conv
        self.quant = conv_of(quant.weight / SCALE, quant.bias)
        self.enter, middle = decoder.conv_in, decoder.mid_block
        self.middle = nn.Sequential(
            Residual(middle.resnets[0]), Looking(middle.attentions[0]), Residual(middle.resnets[1])
        )
        self.up = nn.Sequential(*(part for block in decoder.up_blocks for part in _growing(block)))
        self.norm = Norm(decoder.conv_norm_out)
        last = decoder.conv_out
        self.leave = conv_of(last.weight / 2, last.bias / 2 + 0.5, padding=1)  # from -1..1 to 0..1
        self.top = top

    def forward(self, latents: Tensor) -> Tensor:
        x = self.norm(self.up(self.middle(self.enter(self.quant(latents)))))
        above = min(self.top, 1)  # a row that the last convolution also reads
        drawn: Tensor = self.leave(x[:, :, self.top - above :])[:, :, above:]
        return drawn.clamp(0, 1)


def _growing(block: Any) -> Iterator[nn.Module]:  # noqa: ANN401
    yield from (Residual(each) for each in block.resnets)
    if (larger := resizer(block)) is not None:
        yield larger


class LipDecoder(nn.Module):
    """What is heard (B, T, D), and a portrait's maps, to rows `top`.. of the face, RGB 0..1."""

    def __init__(self, built: Networks, top: int) -> None:
        super().__init__()
        self.unet, self.pictures = MouthUNet(built), PictureDecoder(built.vae, top)

    def forward(self, heard: Tensor, *maps: Tensor) -> Tensor:
        drawn: Tensor = self.pictures(self.unet(heard.to(maps[0].dtype), *maps))
        return drawn
