"""The renderers there are, by name: our own, and those of packages beside ours.

A package adds one by an entry point of the group `avatar.renderers` that names an `Offer`.
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from models.errors import InvalidRequest, LicenceRefused, MissingDependency, MissingWeights
from models.renderer import Card, Home, Offer, Renderer
from models.weights.folder import WeightsFolder

AUTO = "auto"
GROUP = "avatar.renderers"
AUTO_SPEED = 50.0  # frames a second, twice what is shown: `auto` never makes anybody wait long

MESH = Card("mesh", "1", "Apache-2.0", True, rank=1, frames_per_s=(("cpu", 245.0),))
WAV2LIP = Card(
    "wav2lip",
    "1",
    "Apache-2.0",
    commercial_use=False,
    weights="wav2lip",
    hears="mel",
    rank=2,
    frames_per_s=(("cpu", 36.0),),
    gpu_memory_mb=1_000,
)
STUDENT = replace(  # of `avatar distill`
    WAV2LIP, name="wav2lip-student", weights="wav2lip-student", frames_per_s=()
)
MUSETALK = Card(
    "musetalk",
    "1",
    "Apache-2.0",
    commercial_use=True,  # as far as the code goes: its weights' licence decides
    weights="musetalk",
    hears="samples",
    rank=3,
    frames_per_s=(("cpu", 0.1),),
    gpu_memory_mb=8_000,
)


def _mesh(home: Home) -> Renderer[Any]:
    from models.mesh.renderer import BATCH, MeshRenderer

    return MeshRenderer(home.device, home.max_batch or BATCH)


def _wav2lip(home: Home) -> Renderer[Any]:
    from models.wav2lip.loading import load

    return load(home)


def _student(home: Home) -> Renderer[Any]:
    from models.wav2lip.loading import load

    return load(home, STUDENT)


def _musetalk(home: Home) -> Renderer[Any]:
    from models.musetalk.loading import load

    return load(home)


RENDERERS: dict[str, Offer] = {
    "mesh": Offer(MESH, _mesh),
    "wav2lip": Offer(WAV2LIP, _wav2lip),
    "wav2lip-student": Offer(STUDENT, _student),
    "musetalk": Offer(MUSETALK, _musetalk),
}


@dataclass(frozen=True)
class Choice:
    name: str
    card: Card
    weights: str = ""  # sha256 of those it needs

    @property
    def identity(self) -> str:
        """Part of the key of everything that it renders."""
        return f"{self.name} {self.card.version} {self.weights}"


def check_renderer(name: str) -> str:
    """The name itself, of a renderer or `auto`. Raises InvalidRequest."""
    if name != AUTO:
        offer_of(name)
    return name


def offer_of(name: str) -> Offer:
    """Raises InvalidRequest, MissingDependency where another package's cannot be imported."""
    if name in RENDERERS:
        return RENDERERS[name]
    found = {entry.name: entry for entry in installed()}
    if name not in found:
        known = ", ".join([AUTO, *RENDERERS, *found])
        raise InvalidRequest(f"no renderer {name!r}: use {known}")
    try:
        offer = found[name].load()
    except ImportError as error:
        raise MissingDependency(f"the renderer {name} cannot be imported: {error}") from error
    if not isinstance(offer, Offer):
        raise MissingDependency(
            f"{found[name].value} is no models.renderer.Offer: mend its package"
        )
    return offer


def choose(name: str, home: Home, *, commercial: bool = False) -> Choice:
    """The renderer that `name` stands for here, licensed for the purpose.

    Raises InvalidRequest, MissingWeights, LicenceRefused.
    """
    if name != AUTO:
        return _allowed(name, offer_of(name).card, home, commercial=commercial)
    ranked = sorted(RENDERERS.items(), key=lambda item: -item[1].card.rank)
    for each, offer in ranked:
        if _is_fast(offer.card, home.device):
            with suppress(MissingWeights, LicenceRefused):
                return _allowed(each, offer.card, home, commercial=commercial)
    return _allowed(MESH.name, MESH, home, commercial=commercial)


def load_renderer(name: str, home: Home | None = None) -> Renderer[Any]:
    """Raises InvalidRequest, SetupError."""
    from models.engines.memory import give_back

    home = home or Home()
    renderer = offer_of(choose(name, home).name).load(home)
    give_back()
    return renderer


def _is_fast(card: Card, device: str) -> bool:
    """A GPU on which nobody measured is taken for fast enough, a processor is not."""
    seen = card.speed_on(device)
    return seen >= AUTO_SPEED or (seen == 0 and device != "cpu")


def _allowed(name: str, card: Card, home: Home, *, commercial: bool) -> Choice:
    if card.weights is None:
        if commercial and not card.commercial_use:
            raise LicenceRefused(f"the renderer {name} ({card.licence}) is not for commerce")
        return Choice(name, card)
    pin = WeightsFolder(home.weights).pin(card.weights)
    pin.check_licence(commercial=commercial)
    return Choice(name, card, pin.sha256)


@cache
def installed() -> tuple[Any, ...]:
    """Entry points of packages beside ours."""
    return tuple(entry_points(group=GROUP))
