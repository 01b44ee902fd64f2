"""What tests of several packages share."""

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
import torch

from models.assets import DEFAULT_CACHE, FACE_MODELS, face_model_path
from models.errors import MissingModels
from models.portrait.analyser import FaceAnalyser
from models.portrait.face import Face, Picture

torch.set_num_threads(1)  # small tensors: a second thread only waits, on a busy machine for long
cv2.setNumThreads(1)


STACKS = ("tests/stack/", "tests/api/studio/", "tests/flows/test_render_segment", "tests/cli/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Side by side, but one file in one process, and one whole stack at a time."""
    for item in items:
        file = item.nodeid.partition("::")[0]
        group = "stacks" if file.startswith(STACKS) else file
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session")
def face_models() -> Path:
    """The folder of the face models; without them the test is skipped, naming the remedy."""
    try:
        for name in FACE_MODELS.files:
            face_model_path(DEFAULT_CACHE, name)
    except MissingModels as missing:
        pytest.skip(str(missing))
    return DEFAULT_CACHE


@pytest.fixture(scope="session")
def astronaut(face_models: Path) -> tuple[Picture, Face]:
    """A real photograph with a toothy smile, and its face."""
    pixels = np.ascontiguousarray(skimage.data.astronaut())  # type: ignore[no-untyped-call]
    picture = Picture(pixels, None, "astronaut", hashlib.sha256(pixels.tobytes()).hexdigest())
    return picture, FaceAnalyser(face_models).faces(picture)[0]
