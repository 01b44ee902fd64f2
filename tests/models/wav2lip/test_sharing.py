"""Two videos at once in one process: the frames are those of each alone."""

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch

from models.arrays import U8
from models.contracts import Look
from models.mesh.mouthed import TalkingPortrait
from models.portrait.face import Face, Picture
from models.renderer import Home, Span
from models.wav2lip.folding import Folded
from models.wav2lip.loading import made_of
from models.wav2lip.renderer import Wav2LipRenderer
from tests.models.renderers.scenes import frames_of, lively

Portrait = tuple[Picture, Face]
SMALL = Look.model_validate({"resolution": 256})
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]
BATCH = 8


@pytest.fixture(scope="module", params=DEVICES)
def renderer(request: pytest.FixtureRequest, folded: Folded) -> Wav2LipRenderer:
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device: continuous batching is NOT tested on one here")
    return made_of(folded, Home(device=request.param, max_batch=BATCH))


@pytest.fixture(scope="module")
def portraits(renderer: Wav2LipRenderer, astronaut: Portrait) -> list[TalkingPortrait]:
    picture, face = astronaut
    darker = replace(picture, rgb=picture.rgb // 2)
    return [renderer.prepare(each, face, SMALL) for each in (picture, darker)]


def test_rows_of_two_portraits_in_one_batch_are_drawn_as_alone(
    renderer: Wav2LipRenderer, portraits: list[TalkingPortrait]
) -> None:
    shared, random = renderer.shared, torch.Generator().manual_seed(3)
    mels = [torch.rand(6, 1, 80, 16, generator=random) * 8 - 4 for _ in portraits]
    sent = [mel.to(portraits[0].offset.device) for mel in mels]
    jobs = list(zip(sent, portraits, strict=True))
    with torch.inference_mode():
        alone = [shared(mel, *portrait.maps) for mel, portrait in jobs]
        mixed = shared.mixed
        asked = [shared.submit(mel, portrait.maps) for mel, portrait in jobs]
        together = [shared.result(request) for request in asked]
    assert shared.mixed == mixed + 1
    assert not torch.equal(alone[0], alone[1])
    for one, other in zip(alone, together, strict=True):
        assert torch.equal(one, other)


def test_two_jobs_at_once_render_the_frames_of_each_alone(
    renderer: Wav2LipRenderer, portraits: list[TalkingPortrait]
) -> None:
    spans = (Span(0, 21), Span(3, 30))
    motions = [lively(30, seed) for seed in (1, 2)]
    alone = [frames_of(renderer, *job) for job in zip(portraits, motions, spans, strict=True)]
    together: dict[int, U8] = {}

    def work(job: int) -> None:
        together[job] = frames_of(renderer, portraits[job], motions[job], spans[job])

    threads = [threading.Thread(target=work, args=(job,)) for job in range(len(spans))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for job, frames in enumerate(alone):
        assert np.array_equal(frames, together[job])
