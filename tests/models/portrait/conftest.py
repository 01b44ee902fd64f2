"""A real photograph and its face, looked at once."""

from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch

from models.portrait.analyser import FaceAnalyser
from models.portrait.face import Face, Picture


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """These networks are small: a second thread only waits, longest where tests run in parallel."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def photo() -> Picture:
    """A woman smiling with teeth, frontal, 512 x 512; skimage's public-domain NASA photograph."""
    rgb = np.array(skimage.data.astronaut(), np.uint8)  # type: ignore[no-untyped-call]
    rgb.flags.writeable = False
    return Picture(rgb, None, "astronaut.png", "0" * 64)


@pytest.fixture(scope="session")
def analyser(face_models: Path) -> FaceAnalyser:
    return FaceAnalyser(face_models)


@pytest.fixture(scope="session")
def face(analyser: FaceAnalyser, photo: Picture) -> Face:
    (found,) = analyser.faces(photo)
    return found
