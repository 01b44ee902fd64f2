"""The renderers that must conform: ours, and those of packages that are installed beside ours."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from typing import Any

from models import renderers
from models.musetalk import loading as musetalk
from models.musetalk.networks import Networks, networks
from models.renderer import Home, Renderer
from models.renderers import load_renderer
from models.wav2lip.folding import Folded, fold
from models.wav2lip.loading import made_of
from tests.models.musetalk import published as musetalk_published
from tests.models.wav2lip import published

AnyRenderer = Renderer[Any]
Make = Callable[[Home], AnyRenderer]


def kinds() -> dict[str, Make]:
    """By name. Networks of ours are small and random; a package's renderer has its own."""
    ours: dict[str, Make] = {
        "mesh": partial(load_renderer, "mesh"),
        "wav2lip": lambda home: made_of(_wav2lip(), home),
        # with so few channels 16 bits only take longer
        "musetalk": lambda home: musetalk.made_of(_musetalk(), replace(home, half=False)),
    }
    installed = [str(entry.name) for entry in renderers.installed()]
    return ours | {name: partial(load_renderer, name) for name in installed}


@cache
def _wav2lip() -> Folded:
    return fold(published.random_state(fewer=8))


@cache
def _musetalk() -> Networks:
    return networks(musetalk_published.random_state(musetalk_published.TINY))
