"""The renderers there are to make a video with."""

from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import entry_points
from typing import get_args

import anyio
from fastapi import APIRouter

from api.auth import Reader
from api.contracts import RendererList, RendererResource, Resolution
from api.responses import problems
from api.strict import StrictRoute
from models.errors import MissingDependency
from models.renderer import Card
from models.renderers import GROUP, RENDERERS, offer_of

router = APIRouter(prefix="/v1/renderers", tags=["renderers"], route_class=StrictRoute)


@router.get("", response_model=RendererList, responses=problems())
async def list_renderers(caller: Reader) -> RendererList:
    """Names that `renderer` takes, beside `auto`, which chooses the best one for the machine."""
    return RendererList(data=await anyio.to_thread.run_sync(_renderers))


def _renderers() -> tuple[RendererResource, ...]:
    return tuple(_resource(card) for card in _cards())


def _cards() -> Iterator[Card]:
    """Our own, then those of packages beside ours that can be imported here."""
    names = [*RENDERERS, *sorted(entry.name for entry in entry_points(group=GROUP))]
    for name in dict.fromkeys(names):
        with suppress(MissingDependency):
            yield offer_of(name).card


def _resource(card: Card) -> RendererResource:
    return RendererResource(
        name=card.name,
        version=card.version,
        licence=card.licence,
        commercial_use=card.commercial_use,
        weights=card.weights,
        resolutions=get_args(Resolution),
    )
