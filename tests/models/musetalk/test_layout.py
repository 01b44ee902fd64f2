"""The published layout loads strictly, and what is not it is refused by its key's name."""

import pytest
import torch

from models.errors import WeightsRefused
from models.musetalk import layout
from models.musetalk.networks import Networks, empty, networks, shapes_of
from tests.models.musetalk import published

FIRST = "unet.conv_in.weight"


def test_the_published_layout_has_the_published_keys_and_shapes() -> None:
    expected = published.shapes(published.PUBLISHED)
    assert shapes_of(empty(layout.PUBLISHED)) == expected
    assert layout.read_layout(expected) == layout.PUBLISHED


def test_the_published_layout_has_its_known_sizes() -> None:
    expected = published.shapes(published.PUBLISHED)
    counts = {
        prefix: sum(key.startswith(prefix) for key in expected)
        for prefix in (layout.UNET, layout.VAE, layout.WHISPER)
    }
    entries = (published.UNET_ENTRIES, published.VAE_ENTRIES, published.EAR_ENTRIES)
    assert tuple(counts.values()) == entries
    parameters = sum(torch.Size(shape).numel() for shape in expected.values())
    assert parameters == pytest.approx(published.PARAMETERS, rel=1e-4)


def test_smaller_networks_are_told_by_their_shapes(small: Networks) -> None:
    sizes = published.SMALL
    found = small.layout
    assert (found.channels, found.vae_channels) == (sizes.unet, sizes.vae)
    assert (found.ear_width, found.states) == (sizes.width, sizes.ear_layers + 1)


def test_every_weight_is_the_state_dict_s(small: Networks, small_state: published.State) -> None:
    assert torch.equal(small.unet.conv_in.weight, small_state[FIRST])
    last = small_state["whisper.layer_norm.bias"]
    assert torch.equal(small.ears.layer_norm.bias, last)


@pytest.mark.parametrize(
    "key",
    [
        FIRST,
        "unet.mid_block.attentions.0.transformer_blocks.0.ff.net.2.bias",
        "vae.decoder.up_blocks.3.resnets.1.conv2.weight",
        "whisper.layers.1.self_attn.k_proj.weight",
    ],
)
def test_a_missing_key_is_named(small_state: published.State, key: str) -> None:
    state = {name: value for name, value in small_state.items() if name != key}
    with pytest.raises(WeightsRefused, match=f"{key} is missing"):
        networks(state)


@pytest.mark.parametrize("key", ["unet.extra", "vae.loss.weight", "other.weight"])
def test_a_key_too_many_is_named(small_state: published.State, key: str) -> None:
    with pytest.raises(WeightsRefused, match=f"{key} is no part"):
        networks(small_state | {key: torch.zeros(1)})


def test_a_misshaped_key_is_named_with_both_shapes(small_state: published.State) -> None:
    key = "vae.post_quant_conv.weight"
    with pytest.raises(WeightsRefused, match=r"post_quant_conv.weight is \(4, 4, 3, 3\) where"):
        networks(small_state | {key: torch.zeros(4, 4, 3, 3)})


def test_ears_that_the_unet_was_not_trained_with_are_refused() -> None:
    shapes = published.shapes(published.PUBLISHED)
    larger = {"whisper.conv1.weight": (512, 80, 3)}  # whisper-base
    with pytest.raises(WeightsRefused, match="384 channels where Whisper has 512"):
        layout.read_layout(shapes | larger)


def test_a_damaged_weight_is_named(small_state: published.State) -> None:
    with pytest.raises(WeightsRefused, match=f"{FIRST} holds infinities or NaN"):
        networks(small_state | {FIRST: torch.full_like(small_state[FIRST], torch.nan)})


def test_a_checkpoint_of_something_else_names_what_it_lacks() -> None:
    with pytest.raises(WeightsRefused, match=r"unet.down_blocks.0.resnets.0.conv1.weight"):
        networks({"face_encoder_blocks.0.0.conv_block.0.weight": torch.zeros(16, 6, 7, 7)})
