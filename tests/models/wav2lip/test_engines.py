"""Every engine draws the reference's picture, within what its numbers allow."""

import logging
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from models.engines.choosing import TENSORRT
from models.engines.numerics import deviation
from models.errors import EngineUnusable
from models.renderer import Home
from models.wav2lip import engines
from models.wav2lip.engines import (
    BF16,
    EAGER,
    GRAPH,
    ONNX,
    ONNX_INT8,
    TENSORRT_INT8,
    WINOGRAD,
)
from models.wav2lip.folding import Folded
from models.wav2lip.layout import LEAKY
from models.wav2lip.loading import parts_of
from models.wav2lip.network import Maps

FRAMES = 4
AT_LEAST_DB = {EAGER: 100, WINOGRAD: 80, ONNX: 100, BF16: 40, ONNX_INT8: 30}
ON_A_CARD_DB = {EAGER: 60, GRAPH: 40, TENSORRT: 40, TENSORRT_INT8: 28}


class Bench:
    """Decoders, the maps of one face, and what the reference draws of some windows."""

    def __init__(self, folded: Folded, home: Home) -> None:
        random = torch.Generator().manual_seed(11)
        encoder, self.decoders = parts_of(folded, home, "random")
        face = torch.rand(1, 6, 96, 96, generator=random)
        with torch.inference_mode():
            self.maps: Maps = encoder(face.to(home.device))
        self.samples = [(self._windows(random, home), *self.maps) for _ in range(2)]
        self.mel = self._windows(random, home)
        self.reference = self.draw(EAGER)

    def _windows(self, random: torch.Generator, home: Home) -> Tensor:
        return (torch.rand(FRAMES, 1, 80, 16, generator=random) * 8 - 4).to(home.device)

    def draw(self, name: str) -> Tensor:
        samples = [tuple(each.cpu() for each in sample) for sample in self.samples]
        engine = self.decoders.make(name, self.maps, samples if "int8" in name else ())
        with torch.inference_mode():
            return engine(self.mel, *self.maps).float().cpu()


@pytest.fixture(scope="module")
def bench(folded: Folded, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    pytest.importorskip("onnxruntime")
    return Bench(folded, Home(plans=tmp_path_factory.mktemp("plans")))


@pytest.mark.parametrize("name", list(AT_LEAST_DB))
def test_an_engine_draws_the_reference_s_picture(bench: Bench, name: str) -> None:
    drawn = bench.draw(name)
    assert drawn.shape == bench.reference.shape
    assert drawn.dtype == torch.float32
    assert deviation(drawn, bench.reference).psnr_db >= AT_LEAST_DB[name]


def test_a_leaky_network_leaks_on_every_engine(
    folded: Folded, tmp_path: Path, bench: Bench
) -> None:
    leaking = Bench(replace(folded, activation=LEAKY), Home(plans=tmp_path))
    assert deviation(leaking.draw(ONNX), leaking.reference).psnr_db >= AT_LEAST_DB[ONNX]
    assert deviation(bench.reference, leaking.reference).psnr_db < 60


def test_a_calibrated_plan_serves_without_samples(bench: Bench) -> None:
    drawn = bench.draw(ONNX_INT8)
    engine = bench.decoders.make(ONNX_INT8, bench.maps)
    assert torch.equal(engine(bench.mel, *bench.maps), drawn)


def test_any_number_of_frames_goes_through_one_plan(bench: Bench) -> None:
    engine = bench.decoders.make(ONNX, bench.maps)
    assert len(engine(bench.mel[:1], *bench.maps)) == 1


def test_int8_without_samples_says_what_calibrates_it(folded: Folded, tmp_path: Path) -> None:
    _, decoders = parts_of(folded, Home(plans=tmp_path), "random")
    with pytest.raises(EngineUnusable, match="run the flow optimize-engines"):
        decoders.make(ONNX_INT8, ())


def test_tensorrt_without_its_library_is_one_line_and_the_same_pictures(
    folded: Folded, tmp_path: Path, bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine may have it")
    name, plain = parts_of(folded, Home(plans=tmp_path), "random")[1].best(bench.maps)
    with caplog.at_level(logging.WARNING):
        wanted = Home(plans=tmp_path, tensorrt=True)
        instead, engine = parts_of(folded, wanted, "random")[1].best(bench.maps)
    assert instead == name
    assert len(caplog.records) == 1
    assert "TensorRT" in caplog.text
    with torch.inference_mode():
        assert torch.equal(engine(bench.mel, *bench.maps), plain(bench.mel, *bench.maps))


def test_weights_that_int8_would_spoil_are_kept_from_it(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "INT8_DB", 99.0)
    home = replace(bench.decoders.home, plans=tmp_path)
    with pytest.raises(EngineUnusable, match="no stage keeps 99 dB"):
        replace(bench.decoders, home=home).make(ONNX_INT8, bench.maps, bench.samples)
    assert not list(tmp_path.glob("*.plan"))


def test_an_unknown_engine_lists_those_there_are(bench: Bench) -> None:
    with pytest.raises(EngineUnusable, match="eager, winograd, bf16, onnx, onnx-int8, cuda-graph"):
        bench.decoders.make("magic", bench.maps)


@pytest.mark.gpu
@pytest.mark.parametrize("name", list(ON_A_CARD_DB))
def test_a_card_draws_the_cpu_s_picture(
    folded: Folded, tmp_path: Path, bench: Bench, name: str
) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device: this engine is NOT tested here")
    if name.startswith(TENSORRT):
        pytest.importorskip("tensorrt")
    card = Bench(folded, Home(device="cuda", plans=tmp_path))
    assert deviation(card.draw(name), bench.reference).psnr_db >= ON_A_CARD_DB[name]
