"""The three published networks, built from a layout: empty, or with a state dict's weights.

Diffusers and transformers are imported here and nowhere else; nothing is ever downloaded.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from models.errors import MissingDependency, WeightsRefused
from models.musetalk.layout import (
    EAR_HEAD,
    GROUPS,
    HEADS,
    LATENT,
    LATENT_CHANNELS,
    LEVELS,
    MEL_BANDS,
    PICTURE,
    STEPS,
    UNET,
    VAE,
    WHISPER,
    Layout,
    Shape,
    check,
    read_layout,
)

REMEDY = "pip install 'avatar-orchestrator[musetalk]'"


@dataclass(frozen=True)
class Networks:
    layout: Layout
    unet: Any  # diffusers' UNet2DConditionModel
    vae: Any  # its AutoencoderKL
    ears: Any  # transformers' WhisperEncoder


def networks(state: Mapping[str, Tensor]) -> Networks:
    """All of a state dict's weights, which are shared and not copied. Raises WeightsRefused."""
    shapes = {key: tuple(value.shape) for key, value in state.items()}
    layout = read_layout(shapes)
    built = empty(layout)
    check(shapes, shapes_of(built))
    for key, value in state.items():
        if not torch.isfinite(value).all():
            raise WeightsRefused(f"{key} holds infinities or NaN: the checkpoint is damaged")
    for prefix, network in _parts(built):
        own = {
            key.removeprefix(prefix): value.float()
            for key, value in state.items()
            if key.startswith(prefix)
        }
        network.load_state_dict(own, strict=True, assign=True)
        network.requires_grad_(False).eval()
    return built


def empty(layout: Layout) -> Networks:
    """Without memory for weights: on the meta device. Raises MissingDependency."""
    kinds = _libraries()
    with torch.device("meta"):
        return Networks(
            layout,
            kinds.unet(**_unet_config(layout)),
            kinds.vae(**_vae_config(layout)),
            kinds.ears(kinds.ear_config(**_ear_config(layout))),
        )


def shapes_of(built: Networks) -> dict[str, Shape]:
    """Every key, with its prefix, and its shape."""
    return {
        f"{prefix}{key}": tuple(value.shape)
        for prefix, network in _parts(built)
        for key, value in network.state_dict().items()
    }


def _parts(built: Networks) -> tuple[tuple[str, nn.Module], ...]:
    return (UNET, built.unet), (VAE, built.vae), (WHISPER, built.ears)


@dataclass(frozen=True)
class _Kinds:
    unet: Any
    vae: Any
    ears: Any
    ear_config: Any


def _libraries() -> _Kinds:
    """Importing them takes seconds."""
    logging.getLogger("diffusers").setLevel(logging.ERROR)  # it tells of options we don't use
    try:
        from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
        from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
        from transformers.models.whisper.configuration_whisper import WhisperConfig
        from transformers.models.whisper.modeling_whisper import WhisperEncoder
    except ImportError as error:
        raise MissingDependency(f"musetalk needs {error.name}: {REMEDY}") from error
    return _Kinds(UNet2DConditionModel, AutoencoderKL, WhisperEncoder, WhisperConfig)


def _unet_config(layout: Layout) -> dict[str, Any]:
    deep = LEVELS - 1
    return {
        "sample_size": LATENT,
        "in_channels": 2 * LATENT_CHANNELS,
        "out_channels": LATENT_CHANNELS,
        "center_input_sample": False,
        "flip_sin_to_cos": True,
        "freq_shift": 0,
        "down_block_types": ("CrossAttnDownBlock2D",) * deep + ("DownBlock2D",),
        "up_block_types": ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * deep,
        "block_out_channels": layout.channels,
        "layers_per_block": layout.layers,
        "cross_attention_dim": layout.ear_width,
        "attention_head_dim": HEADS,  # the library takes this name for their number
        "norm_num_groups": GROUPS,
        "norm_eps": 1e-5,
        "act_fn": "silu",
    }


def _vae_config(layout: Layout) -> dict[str, Any]:
    return {
        "sample_size": PICTURE,
        "in_channels": 3,
        "out_channels": 3,
        "down_block_types": ("DownEncoderBlock2D",) * LEVELS,
        "up_block_types": ("UpDecoderBlock2D",) * LEVELS,
        "block_out_channels": layout.vae_channels,
        "layers_per_block": layout.vae_layers,
        "latent_channels": LATENT_CHANNELS,
        "norm_num_groups": GROUPS,
        "act_fn": "silu",
    }


def _ear_config(layout: Layout) -> dict[str, Any]:
    return {
        "d_model": layout.ear_width,
        "encoder_layers": layout.ear_layers,
        "encoder_attention_heads": layout.ear_width // EAR_HEAD,
        "encoder_ffn_dim": layout.ear_inner,
        "num_mel_bins": MEL_BANDS,
        "max_source_positions": STEPS,
    }
