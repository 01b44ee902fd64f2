"""A student has its teacher's layout with fewer channels, and begins as a part of it."""

import pytest
import torch

from models.distill.inheritance import inherited
from models.distill.narrowing import narrowed, parameters
from models.distill.network import LipNetwork
from models.errors import InvalidRequest
from models.wav2lip.folding import fold, unprefixed
from models.wav2lip.layout import LEAKY, RELU, Activation, read_layout
from models.wav2lip.network import FaceEncoder, LipDecoder, Trim
from tests.models.wav2lip import published, variants


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
@pytest.mark.parametrize("size", variants.SIZES)
def test_a_student_has_about_its_share_of_the_parameters(size: int, share: float) -> None:
    wide = read_layout(variants.shapes(size))
    narrow = narrowed(wide, share)
    assert parameters(narrow) / parameters(wide) == pytest.approx(share, abs=0.03)
    assert narrow.face_sizes == wide.face_sizes


def test_parameters_are_counted_as_published(published_state: published.State) -> None:
    layout = fold(published_state).layout
    assert parameters(layout) == pytest.approx(published.PARAMETERS, rel=1e-4)
    assert narrowed(layout, 1.0) == layout


@pytest.mark.parametrize("share", [0.0, 0.05, 1.2])
def test_a_share_that_makes_no_sense_is_told(small_state: published.State, share: float) -> None:
    with pytest.raises(InvalidRequest, match=r"0\.1 to 1"):
        narrowed(fold(small_state).layout, share)


@pytest.mark.parametrize(("activation", "activate"), [(RELU, torch.relu), (LEAKY, published.leaky)])
def test_the_trained_network_is_the_published_one(
    small_state: published.State, activation: Activation, activate: published.Activate
) -> None:
    """Whole, by an independent transcription; two windows of each of three faces."""
    random = torch.Generator().manual_seed(3)
    mel = torch.rand(6, 1, 80, 16, generator=random) * 8 - 4
    faces = torch.rand(3, 6, 96, 96, generator=random)
    state = unprefixed(small_state)
    network = LipNetwork(fold(small_state).layout, activation)
    network.load_state_dict(state, strict=True)
    expected = published.forward(state, mel, faces.repeat_interleave(2, dim=0), activate=activate)
    with torch.no_grad():
        assert (network.eval()(faces, mel) - expected).abs().max() < 1e-4


def test_a_student_s_state_dict_is_read_as_weights(small_state: published.State) -> None:
    wide = fold(small_state).layout
    narrow = narrowed(wide, 0.5)
    state = inherited(unprefixed(small_state), wide, narrow)
    assert fold(state).layout == narrow
    assert list(LipNetwork(narrow, RELU).state_dict()) == list(narrow.shapes())


def test_channels_that_draw_nothing_are_the_ones_left_out(small_state: published.State) -> None:
    """A teacher half of whose channels are dead draws the same without them."""
    state = unprefixed(small_state)
    wide = fold(state).layout
    narrow = narrowed(wide, 0.5)
    left = {conv.name: conv.outputs for conv in narrow.convs()}
    dead: dict[str, torch.Tensor] = {}
    for conv in (conv for conv in wide.convs() if not conv.bare):
        if not conv.residual:
            order = torch.randperm(conv.outputs, generator=torch.Generator().manual_seed(7))
            silent = order[: conv.outputs - left[conv.name]]
        for part in ("weight", "bias"):
            key = f"{conv.name}.conv_block.1.{part}"
            dead[key] = state[key].clone()
            dead[key][silent] = 0
    teacher = state | dead
    student = fold(inherited(teacher, wide, narrow))
    mel, face = torch.rand(2, 1, 80, 16), torch.rand(1, 6, 96, 96)
    drawn = []
    with torch.inference_mode():
        for folded in (fold(teacher), student):
            trim = Trim.to(46, folded.layout)
            drawn.append(LipDecoder(folded, trim)(mel, *FaceEncoder(folded, trim)(face)))
    assert (drawn[0] - drawn[1]).abs().max() < 1e-4
    assert drawn[0].std() > 0.01
