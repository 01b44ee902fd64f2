"""Weights of the real size, made once: they take a second."""

import pytest

from models.wav2lip.folding import Folded, fold
from tests.models.wav2lip import published


@pytest.fixture(scope="session")
def published_state() -> published.State:
    return published.random_state()


@pytest.fixture(scope="session")
def folded(published_state: published.State) -> Folded:
    return fold(published_state)
