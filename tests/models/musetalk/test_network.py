"""The networks, folded and split, draw what the published ones do, step by step."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from models.musetalk.blocks import Doubled, Norm
from models.musetalk.network import LipDecoder, PictureDecoder, PortraitEncoder
from models.musetalk.networks import Networks
from tests.models.musetalk.published import Reference

CLOSE = 1e-4  # of values of about 1, in FP32
TOP = 120


@pytest.fixture(scope="module")
def pictures() -> Tensor:
    random = torch.Generator().manual_seed(2)
    return 2 * torch.rand(2, 3, 256, 256, generator=random) - 1


@pytest.fixture(scope="module")
def heard() -> Tensor:
    return torch.randn(2, 30, 64, generator=torch.Generator().manual_seed(3))


@pytest.fixture(scope="module")
def latents(reference: Reference, pictures: Tensor) -> Tensor:
    with torch.inference_mode():
        return reference.encode(pictures).flatten(0, 1)[None]


def test_a_portrait_has_the_published_latents(
    small: Networks, pictures: Tensor, latents: Tensor
) -> None:
    with torch.inference_mode():
        found = PortraitEncoder(small).latents(pictures)
    assert found.shape == (1, 8, 32, 32)
    assert (found - latents).abs().max() < CLOSE


def test_frames_are_the_published_networks(
    small: Networks, reference: Reference, pictures: Tensor, latents: Tensor, heard: Tensor
) -> None:
    """Time in biases, one map for all ears, the portrait's part computed once, four phases."""
    with torch.inference_mode():
        expected = reference.unet(latents.expand(2, -1, -1, -1), heard)
        drawn = reference.decode(expected)
        maps, decoder = PortraitEncoder(small)(pictures), LipDecoder(small, TOP)
        found, shown = decoder.unet(heard, *maps), decoder(heard, *maps)
    assert (found - expected).abs().max() < CLOSE
    assert (expected[0] - expected[1]).abs().max() > 0.1  # the sound shows
    assert shown.shape == (2, 3, 256 - TOP, 256)
    assert (shown - drawn[:, :, TOP:]).abs().max() < CLOSE
    assert drawn.std() > 0.1


def test_a_row_s_own_maps_draw_what_shared_ones_do(
    small: Networks, pictures: Tensor, heard: Tensor
) -> None:
    """Jobs with different portraits share a batch."""
    with torch.inference_mode():
        encoder, decoder = PortraitEncoder(small), LipDecoder(small, TOP)
        one, other = encoder(pictures), encoder(pictures.flip(3))
        both = [torch.cat(pair) for pair in zip(one, other, strict=True)]
        mixed = decoder(heard, *both)
        alone = decoder(heard[1:], *other)
    assert (mixed[1:] - alone).abs().max() < CLOSE


def test_shown_rows_are_those_of_the_whole_picture(small: Networks) -> None:
    latents = torch.randn(1, 4, 32, 32, generator=torch.Generator().manual_seed(4))
    with torch.inference_mode():
        whole, part = (PictureDecoder(small.vae, top)(latents) for top in (0, TOP))
    assert whole.shape[2] == 256
    assert (whole[:, :, TOP:] - part).abs().max() < 1e-5


def test_four_phases_are_a_convolution_of_the_doubled_picture() -> None:
    torch.manual_seed(5)
    upsampler = nn.Module()
    upsampler.conv = nn.Conv2d(5, 3, 3, padding=1)
    x = torch.randn(2, 5, 7, 4)
    with torch.inference_mode():
        doubled = functional.interpolate(x, scale_factor=2.0, mode="nearest")
        assert torch.allclose(Doubled(upsampler)(x), upsampler.conv(doubled), atol=1e-5)


@pytest.mark.parametrize("activated", [True, False])
def test_a_norm_by_sums_is_torch_s(activated: bool) -> None:
    """What a card computes, in FP32 on the CPU, far from a mean of 0."""
    torch.manual_seed(6)
    plain = nn.GroupNorm(32, 64)
    nn.init.normal_(plain.weight)
    nn.init.normal_(plain.bias)
    norm = Norm(plain, activated=activated)
    x = 3 * torch.randn(2, 64, 9, 7) + 5
    with torch.inference_mode():
        assert torch.allclose(norm.by_sums(x), plain(x), atol=1e-4)
        shown = functional.silu(plain(x)) if activated else plain(x)
        assert torch.allclose(norm(x), shown, atol=1e-5)
