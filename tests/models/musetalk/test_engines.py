"""Every engine draws the reference's picture, within what its numbers allow."""

import logging

import pytest
import torch
from torch import nn

from models.engines.numerics import deviation
from models.errors import EngineUnusable
from models.musetalk.engines import BF16, COMPILED, EAGER, GRAPH, moved
from models.renderer import Home
from tests.models.musetalk import published
from tests.models.musetalk.random_parts import RandomParts, random_parts

FRAMES = 2
ON_A_CARD_DB = {EAGER: 50, GRAPH: 40, COMPILED: 40}


@pytest.fixture(scope="module")
def parts() -> RandomParts:
    return random_parts(Home(), published.TINY)


def drawn(parts: RandomParts, name: str, frames: int = FRAMES) -> torch.Tensor:
    engine, heard = parts.decoders.make(name), parts.heard(frames)
    with torch.inference_mode():
        return engine(heard, *parts.maps).cpu()


def test_sixteen_bits_draw_the_reference_s_picture(parts: RandomParts) -> None:
    found, reference = (drawn(parts, name) for name in (BF16, EAGER))
    assert found.dtype == torch.float32
    assert 40 <= deviation(found, reference).psnr_db < 100


def test_making_one_engine_leaves_the_weights_of_the_others(parts: RandomParts) -> None:
    before = drawn(parts, EAGER)
    parts.decoders.make(BF16)
    assert parts.decoders.built.unet.conv_in.weight.dtype == torch.float32
    assert torch.equal(drawn(parts, EAGER), before)


def test_what_is_moved_nowhere_shares_its_weights() -> None:
    module = nn.Linear(3, 2)
    same, half = moved(module, torch.device("cpu")), moved(module, torch.device("cpu"), torch.half)
    assert same.weight.data_ptr() == module.weight.data_ptr()
    assert (half.weight.dtype, module.weight.dtype) == (torch.half, torch.float32)


def test_an_engine_that_cannot_be_had_is_one_line_and_the_next_best(
    parts: RandomParts, caplog: pytest.LogCaptureFixture
) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a card")
    for name in (GRAPH, COMPILED):
        with pytest.raises(EngineUnusable, match="NVIDIA card"):
            parts.decoders.make(name)
    asked = random_parts(Home(engine=GRAPH, half=False), published.TINY).decoders
    with caplog.at_level(logging.WARNING):
        assert asked.best()[0] == EAGER
    assert len(caplog.records) == 1


def test_an_unknown_engine_lists_those_there_are(parts: RandomParts) -> None:
    with pytest.raises(EngineUnusable, match="eager, bf16, cuda-graph, compiled-graph"):
        parts.decoders.make("magic")


@pytest.mark.gpu
@pytest.mark.parametrize("name", list(ON_A_CARD_DB))
def test_a_card_draws_the_cpu_s_picture(parts: RandomParts, name: str) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device: the card's engines are NOT tested here")
    there = random_parts(Home(device="cuda"), published.TINY)
    found = drawn(there, name, frames=8)[:FRAMES]
    reference = drawn(parts, EAGER, frames=8)[:FRAMES]
    assert deviation(found, reference).psnr_db >= ON_A_CARD_DB[name]
