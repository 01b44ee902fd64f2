"""Every engine draws the reference's picture, within what its numbers allow."""

import logging
from pathlib import Path

import pytest
import torch
from torch import nn

from models.engines.choosing import TENSORRT
from models.engines.numerics import deviation
from models.engines.onnx_runtime import OnnxEngine
from models.errors import EngineUnusable
from models.musetalk.engines import BF16, COMPILED, EAGER, GRAPH, moved
from models.musetalk.export import write
from models.renderer import Home
from tests.models.musetalk import published
from tests.models.musetalk.random_parts import RandomParts, random_parts

FRAMES = 2
ON_A_CARD_DB = {EAGER: 50, GRAPH: 40, COMPILED: 40, TENSORRT: 40}


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
    for name in (GRAPH, COMPILED, TENSORRT):
        with pytest.raises(EngineUnusable, match=r"NVIDIA card|TensorRT is not installed"):
            parts.decoders.make(name)
    asked = random_parts(Home(engine=GRAPH, half=False), published.TINY).decoders
    with caplog.at_level(logging.WARNING):
        assert asked.best()[0] == EAGER
    assert len(caplog.records) == 1


def test_the_written_graph_draws_the_same_for_any_number_of_frames(parts: RandomParts) -> None:
    """What TensorRT is built from, run by another runtime."""
    pytest.importorskip("onnxruntime")
    module = parts.decoders._module(torch.float32)
    engine = OnnxEngine(write(module, parts.heard(2), parts.maps), 1)
    for frames in (1, 3):
        found = engine(parts.heard(frames), *parts.maps)
        assert (found - drawn(parts, EAGER, frames)).abs().max() < 1e-4


def test_an_unknown_engine_lists_those_there_are(parts: RandomParts) -> None:
    with pytest.raises(EngineUnusable, match="eager, bf16, cuda-graph, compiled-graph"):
        parts.decoders.make("magic")


@pytest.mark.gpu
@pytest.mark.parametrize("name", list(ON_A_CARD_DB))
def test_a_card_draws_the_cpu_s_picture(parts: RandomParts, tmp_path: Path, name: str) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device: the card's engines are NOT tested here")
    if name == TENSORRT:
        pytest.importorskip("tensorrt")
    there = random_parts(Home(device="cuda", plans=tmp_path), published.TINY)
    found = drawn(there, name, frames=8)[:FRAMES]
    reference = drawn(parts, EAGER, frames=8)[:FRAMES]
    assert deviation(found, reference).psnr_db >= ON_A_CARD_DB[name]
