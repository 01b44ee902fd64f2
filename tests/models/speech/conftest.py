from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from models.arrays import F32
from models.media.waveform import Recording
from models.speech.espeak import EspeakProcess
from models.speech.synthesis import EspeakSynthesiser

WriteWav = Callable[[F32, int], Recording]


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def synthesiser() -> Iterator[EspeakSynthesiser]:
    process = EspeakProcess()
    yield EspeakSynthesiser(process)
    process.close()


@pytest.fixture
def write_wav(tmp_path: Path) -> WriteWav:
    def write(samples: F32, sample_rate_hz: int = 16_000) -> Recording:
        path = tmp_path / "written.wav"
        soundfile.write(path, np.clip(samples, -1, 1), sample_rate_hz, subtype="PCM_16")
        return Recording(path, sample_rate_hz, len(samples))

    return write
