"""The files in which MuseTalk's weights are published, joined into one state dict.

UNet, VAE and Whisper are three files; each is told by its keys, in whichever order they come. One
file that has all three under their prefixes is taken as well.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from torch import Tensor

from models.errors import WeightsRefused
from models.musetalk.layout import UNET, VAE, WHISPER

State = Mapping[str, Tensor]

HEARS = ("model.encoder.", "encoder.", "")  # how Whisper's files begin the encoder's keys
SPEAKS = ("model.decoder.", "decoder.", "proj_out.")  # the rest of them, which is left out
OLDER = re.compile(r"(.*mid_block\.attentions\.0\.)(query|key|value|proj_attn)(\..*)")
NEWER = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}


def joined(states: Iterable[State]) -> dict[str, Tensor]:
    """Raises WeightsRefused where a file is none of the three, or two are the same one."""
    found: dict[str, Tensor] = {}
    for state in states:
        for key, value in _named(state):
            if key in found:
                raise WeightsRefused(f"{key} is in two files: name each of the three once")
            found[key] = value
    return found


def _named(state: State) -> Iterator[tuple[str, Tensor]]:
    if any(key.startswith((UNET, VAE, WHISPER)) for key in state):
        return _newer(state.items())
    if "conv_in.weight" in state:
        return ((f"{UNET}{key}", value) for key, value in state.items())
    if "encoder.conv_in.weight" in state:
        return _newer((f"{VAE}{key}", value) for key, value in state.items())
    for prefix in HEARS:
        if f"{prefix}conv1.weight" in state:
            return _encoder(state, prefix)
    raise WeightsRefused(
        f"a file that begins with {next(iter(state))} is no UNet, VAE or Whisper of MuseTalk 1.5"
    )


def _encoder(state: State, prefix: str) -> Iterator[tuple[str, Tensor]]:
    for key, value in state.items():
        if not key.startswith(SPEAKS):
            yield f"{WHISPER}{key.removeprefix(prefix)}", value


def _newer(items: Iterable[tuple[str, Tensor]]) -> Iterator[tuple[str, Tensor]]:
    """The VAE's attention under the names that it has had since 2023, as linear maps."""
    for key, value in items:
        hit = OLDER.fullmatch(key)
        if hit is None or not key.startswith(VAE):
            yield key, value
        else:
            flat = value[:, :, 0, 0] if value.dim() == 4 else value
            yield f"{hit[1]}{NEWER[hit[2]]}{hit[3]}", flat
