"""The public key layout is taken whole or refused, and the message names the key."""

import pytest

from models.errors import WeightsRefused
from models.wav2lip.layout import Shape, read_layout
from tests.models.wav2lip import published, variants

SOME_KEYS = (
    "face_encoder_blocks.0.0.conv_block.0.weight",
    "face_encoder_blocks.4.1.conv_block.1.running_var",
    "audio_encoder.12.conv_block.0.bias",
    "face_decoder_blocks.3.0.conv_block.1.num_batches_tracked",
    "output_block.0.conv_block.0.weight",
    "output_block.1.weight",
)


def shapes_of(state: published.State) -> dict[str, Shape]:
    return {key.removeprefix("module."): tuple(value.shape) for key, value in state.items()}


def test_the_published_layout_is_read_from_its_shapes(published_state: published.State) -> None:
    layout = read_layout(shapes_of(published_state))
    assert layout.size == 96
    assert layout.face_sizes == (96, 48, 24, 12, 6, 3, 1)
    assert len(layout.shapes()) == published.ENTRIES


def test_the_published_layout_has_the_published_number_of_weights(
    published_state: published.State,
) -> None:
    learned = [
        value.numel()
        for key, value in published_state.items()
        if not key.rpartition(".")[2].startswith(("running", "num"))
    ]
    assert sum(learned) == pytest.approx(published.PARAMETERS, rel=1e-4)


@pytest.mark.parametrize("key", SOME_KEYS)
def test_a_missing_key_is_named(published_state: published.State, key: str) -> None:
    shapes = shapes_of(published_state)
    del shapes[key]
    with pytest.raises(WeightsRefused, match=rf"^{key} is missing"):
        read_layout(shapes)


@pytest.mark.parametrize("key", ["audio_refine.0.weight", "output_block.1.running_mean"])
def test_a_key_too_many_is_named(published_state: published.State, key: str) -> None:
    with pytest.raises(WeightsRefused, match=rf"^{key} is no part of"):
        read_layout(shapes_of(published_state) | {key: (3,)})


@pytest.mark.parametrize("key", SOME_KEYS)
def test_a_misshaped_key_is_named(published_state: published.State, key: str) -> None:
    shapes = shapes_of(published_state)
    shapes[key] = (*shapes[key][:1], 7, *shapes[key][2:]) if shapes[key] else (1,)
    with pytest.raises(WeightsRefused, match=key.partition(".conv_block")[0]):
        read_layout(shapes)


@pytest.mark.parametrize("size", variants.SIZES)
def test_larger_variants_are_told_by_their_shapes(size: int) -> None:
    layout = read_layout(variants.shapes(size))
    assert layout.size == size
    assert layout.face_sizes == variants.FACE_SIZES[size]


def test_other_weights_are_refused() -> None:
    with pytest.raises(WeightsRefused, match="face_encoder_blocks"):
        read_layout({"unet.conv_in.weight": (320, 8, 3, 3)})
