"""The two halves of the network compute what the published one does, less what is not shown."""

import pytest
import torch
from torch import Tensor

from models.errors import WeightsRefused
from models.wav2lip.folding import Folded, fold, unprefixed
from models.wav2lip.layout import LEAKY, read_layout
from models.wav2lip.network import FaceEncoder, LipDecoder, Trim
from tests.models.wav2lip import published, variants

FRAMES = 3


@pytest.fixture(scope="module")
def inputs() -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(3)
    mel = torch.rand(FRAMES, 1, 80, 16, generator=random) * 8 - 4
    return mel, torch.rand(1, 6, 96, 96, generator=random)


@pytest.fixture(scope="module")
def expected(published_state: published.State, inputs: tuple[Tensor, Tensor]) -> Tensor:
    mel, face = inputs
    return published.forward(unprefixed(published_state), mel, face.expand(FRAMES, -1, -1, -1))


def test_no_weight_is_the_checkpoint_s_own(
    folded: Folded, published_state: published.State
) -> None:
    """One that is keeps the whole file mapped, for as long as the renderer lives."""
    files = {value.untyped_storage().data_ptr() for value in published_state.values()}
    for weight, bias in folded.convs.values():
        assert weight.untyped_storage().data_ptr() not in files
        assert bias.untyped_storage().data_ptr() not in files


@pytest.mark.parametrize("top", [0, 31, 46, 95])
def test_it_computes_the_published_picture(
    folded: Folded, inputs: tuple[Tensor, Tensor], expected: Tensor, top: int
) -> None:
    trim = Trim.to(top, folded.layout)
    mel, face = inputs
    with torch.inference_mode():
        drawn = LipDecoder(folded, trim)(mel, *FaceEncoder(folded, trim)(face))
    assert drawn.shape == (FRAMES, 3, 96 - top, 96)
    assert (drawn - expected[:, :, top:]).abs().max() < 1e-4


def test_a_leaky_network_is_computed_as_one(
    published_state: published.State, inputs: tuple[Tensor, Tensor], expected: Tensor
) -> None:
    """The same keys and shapes: only who adds the weights knows."""
    weights = fold(published_state, LEAKY)
    trim = Trim.to(46, weights.layout)
    mel, face = inputs
    leaking = published.forward(
        unprefixed(published_state), mel, face.expand(FRAMES, -1, -1, -1), activate=published.leaky
    )
    with torch.inference_mode():
        drawn = LipDecoder(weights, trim)(mel, *FaceEncoder(weights, trim)(face))
    assert (drawn - leaking[:, :, 46:]).abs().max() < 1e-4
    assert (leaking - expected).abs().max() > 0.02


def test_the_reference_is_alive(expected: Tensor) -> None:
    """Weights that saturate or die would make every comparison pass."""
    assert expected.std() > 0.1
    assert (expected[0] - expected[1]).abs().mean() > 0.005


def test_fewer_rows_are_computed_than_drawn_before(folded: Folded) -> None:
    trim = Trim.to(46, folded.layout)
    assert [rows.made for rows in trim.stages[-3:]] == [6, 18, 42]


@pytest.mark.parametrize("size", variants.SIZES)
def test_larger_variants_run(size: int) -> None:
    """On the meta device: shapes only."""
    layout = read_layout(variants.shapes(size))
    state = {key: torch.empty(shape, device="meta") for key, shape in variants.shapes(size).items()}
    convs = {
        conv.name: (
            state[f"{conv.name}.weight" if conv.bare else f"{conv.name}.conv_block.0.weight"],
            torch.empty(conv.outputs, device="meta"),
        )
        for conv in layout.convs()
    }
    weights = Folded(layout, convs)
    trim = Trim.to(size // 2, layout)
    face = torch.empty(1, 6, size, size, device="meta")
    maps = FaceEncoder(weights, trim)(face)
    drawn = LipDecoder(weights, trim)(torch.empty(2, 1, 80, 16, device="meta"), *maps)
    assert drawn.shape == (2, 3, size // 2, size)


def test_weights_that_are_not_finite_are_refused(published_state: published.State) -> None:
    key = "module.audio_encoder.3.conv_block.0.weight"
    broken = published_state | {key: torch.full_like(published_state[key], torch.nan)}
    with pytest.raises(WeightsRefused, match=r"audio_encoder\.3.*NaN"):
        fold(broken)
