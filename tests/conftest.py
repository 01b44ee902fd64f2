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


LONG = ("tests/stack/", "tests/api/studio/test_studio", "tests/flows/test_", "tests/faults/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that start whole stacks go first, so that at the end no process waits for them."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))


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
