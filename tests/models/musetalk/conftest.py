"""Networks of the published kinds with few channels, made once."""

import pytest

from models.musetalk.networks import Networks, networks
from tests.models.musetalk import published


@pytest.fixture(scope="session")
def small_state() -> published.State:
    return published.random_state(published.SMALL)


@pytest.fixture(scope="session")
def small(small_state: published.State) -> Networks:
    return networks(small_state)


@pytest.fixture(scope="session")
def reference(small_state: published.State) -> published.Reference:
    return published.Reference(small_state, published.SMALL)
