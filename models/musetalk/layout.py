"""The public MuseTalk 1.5 key layout: UNet, VAE and Whisper encoder under three prefixes.

Kinds of blocks, heads and groups are fixed; channels and counts are read from the shapes, so that
smaller networks of the same layout load as well.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from models.errors import WeightsRefused

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]

UNET, VAE, WHISPER = "unet.", "vae.", "whisper."
LEVELS = 4  # of UNet and VAE
HEADS, GROUPS, EAR_HEAD = 8, 32, 64  # of the UNet's attention, of norms, channels of Whisper's head
PICTURE, LATENT, LATENT_CHANNELS = 256, 32, 4  # pixels of the face, of its latents; their channels
MEL_BANDS, STEPS = 80, 1500  # of the 30 seconds that the encoder hears


@dataclass(frozen=True)
class Layout:
    channels: tuple[int, ...]  # of the UNet's levels
    layers: int  # residual blocks in each
    vae_channels: tuple[int, ...]
    vae_layers: int
    ear_width: int  # channels of what it hears
    ear_layers: int
    ear_inner: int  # channels between the two linear maps of a layer

    @property
    def states(self) -> int:
        """Of the encoder, that a step of sound becomes: its input and each layer's output."""
        return self.ear_layers + 1


PUBLISHED = Layout((320, 640, 1280, 1280), 2, (128, 256, 512, 512), 2, 384, 4, 1536)


def read_layout(shapes: Shapes) -> Layout:
    """Raises WeightsRefused, naming the key without which no layout can be told."""
    attention = f"{UNET}down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight"
    layout = Layout(
        channels=_levels(shapes, f"{UNET}down_blocks"),
        layers=_count(shapes, f"{UNET}down_blocks.0.resnets"),
        vae_channels=_levels(shapes, f"{VAE}encoder.down_blocks"),
        vae_layers=_count(shapes, f"{VAE}encoder.down_blocks.0.resnets"),
        ear_width=_size(shapes, f"{WHISPER}conv1.weight"),
        ear_layers=_count(shapes, f"{WHISPER}layers"),
        ear_inner=_size(shapes, f"{WHISPER}layers.0.fc1.weight"),
    )
    if _size(shapes, attention, 1) != layout.ear_width:
        heard = _size(shapes, attention, 1)
        raise WeightsRefused(
            f"{attention} hears {heard} channels where Whisper has {layout.ear_width}: use the "
            "encoder that the UNet was trained with (whisper-tiny)"
        )
    _check_groups(layout)
    return layout


def check(found: Shapes, wanted: Shapes) -> None:
    """Raises WeightsRefused, naming the first key that is missing, too many or misshaped."""
    for key in wanted:
        if key not in found:
            raise WeightsRefused(f"{key} is missing: these are not whole weights of MuseTalk 1.5")
    for key, shape in found.items():
        if key not in wanted:
            raise WeightsRefused(f"{key} is no part of MuseTalk 1.5: use weights of its own layout")
        if tuple(shape) != tuple(wanted[key]):
            raise WeightsRefused(f"{key} is {tuple(shape)} where {tuple(wanted[key])} belongs")


def _levels(shapes: Shapes, prefix: str) -> tuple[int, ...]:
    names = [f"{prefix}.{level}.resnets.0.conv1.weight" for level in range(LEVELS)]
    return tuple(_size(shapes, name) for name in names)


def _size(shapes: Shapes, key: str, axis: int = 0) -> int:
    if len(shapes.get(key, ())) <= axis:
        raise WeightsRefused(f"{key} is missing: these are not whole weights of MuseTalk 1.5")
    return shapes[key][axis]


def _count(shapes: Shapes, prefix: str) -> int:
    pattern = re.compile(rf"{re.escape(prefix)}\.(\d+)\.")
    found = {int(hit[1]) for key in shapes if (hit := pattern.match(key))}
    if not found:
        raise WeightsRefused(f"{prefix}.0 is missing: these are not whole weights of MuseTalk 1.5")
    return max(found) + 1


def _check_groups(layout: Layout) -> None:
    for channels in (*layout.channels, *layout.vae_channels):
        if channels % GROUPS:
            raise WeightsRefused(f"{channels} channels are no multiple of {GROUPS}: no MuseTalk")
    if layout.ear_width % EAR_HEAD:
        raise WeightsRefused(
            f"{layout.ear_width} channels are no multiple of {EAR_HEAD}: no Whisper"
        )
