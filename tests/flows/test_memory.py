"""What a video does where its frames don't fit."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from flows.avatar_video import avatar_video
from models.contracts import VideoRequest
from models.errors import OutOfMemory
from models.mesh.renderer import MeshPortrait, MeshRenderer, _Controls
from models.renderers import RENDERERS
from tests.flows.odd_renderers import offer


class Hungry(MeshRenderer):
    """A card that holds two frames of 256x256 at once, and none that is larger."""

    def _frames(self, portrait: MeshPortrait, control: _Controls) -> Tensor:
        frames = super()._frames(portrait, control)
        if len(frames) > 2 or frames.shape[1] > 256:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
        return frames


@pytest.fixture(autouse=True)
def hungry() -> Iterator[None]:
    RENDERERS["hungry"] = offer(Hungry)
    yield
    del RENDERERS["hungry"]


def asked(portrait: Path, output: Path, **look: object) -> VideoRequest:
    return VideoRequest.model_validate(
        {
            "portrait": {"image": str(portrait)},
            "speech": {"script": "Papa may buy a blue map."},
            "look": {"resolution": 512, "fps": "24", "head_motion": 0.9} | look,
            "delivery": {"output": str(output), "contact_sheet": False},
            "renderer": "hungry",
        }
    )


def test_a_video_that_fits_nowhere_says_so(
    store_here: Path, portrait_file: Path, tmp_path: Path
) -> None:
    output = tmp_path / "talk.mp4"
    with pytest.raises(OutOfMemory, match="lower resolution"):
        avatar_video(asked(portrait_file, output))
    assert not output.exists()


def test_who_allows_it_gets_a_smaller_one_and_is_told(
    store_here: Path, portrait_file: Path, tmp_path: Path
) -> None:
    result = avatar_video(asked(portrait_file, tmp_path / "talk.mp4", lower_resolution=True))
    assert (result.width, result.height) == (256, 256)
    told = [warning for warning in result.warnings if "256 pixels instead of 512" in warning]
    assert len(told) == 1
