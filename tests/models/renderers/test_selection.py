"""Which renderer a name stands for: by device, weights, licence, and packages beside ours."""

from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from models import renderers
from models.errors import InvalidRequest, LicenceRefused, MissingDependency, MissingWeights
from models.mesh.renderer import MeshRenderer
from models.renderer import Card, Home, Offer
from models.renderers import check_renderer, choose, load_renderer, offer_of
from models.weights.pins import Pin
from tests.models.renderers.kinds import kinds

OURS = Offer(Card("ours", "3", "MIT", commercial_use=False), lambda home: MeshRenderer(home.device))
NONE_AT_ALL = "no offer"


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Installed beside ours, with one renderer that works and two that do not."""
    entries = tuple(
        EntryPoint(name, value, renderers.GROUP)
        for name, value in (
            ("ours", f"{__name__}:OURS"),
            ("broken", "no_such_package:OFFER"),
            ("wrong", f"{__name__}:NONE_AT_ALL"),
        )
    )
    monkeypatch.setattr(renderers, "entry_points", lambda group: entries)
    renderers.installed.cache_clear()


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    renderers.installed.cache_clear()
    yield
    renderers.installed.cache_clear()


def pinned(folder: Path, *, commercial_use: bool) -> Home:
    pin = Pin(
        name="wav2lip",
        layout="wav2lip",
        source="wav2lip.pth",
        source_sha256="0" * 64,
        sha256="1" * 64,
        size=1,
        licence="research only",
        commercial_use=commercial_use,
        added_at=datetime.now(UTC),
    )
    (folder / "wav2lip.json").write_text(pin.model_dump_json())
    return Home(weights=folder)


def test_auto_on_a_cpu_is_the_mesh(tmp_path: Path) -> None:
    assert choose("auto", pinned(tmp_path, commercial_use=True)).name == "mesh"


def test_auto_on_a_gpu_is_the_best_that_is_there_and_allowed(tmp_path: Path) -> None:
    gpu = Home(device="cuda:0", weights=tmp_path)
    assert choose("auto", gpu).name == "mesh"
    pinned(tmp_path, commercial_use=False)
    assert choose("auto", gpu).name == "wav2lip"
    assert choose("auto", gpu, commercial=True).name == "mesh"


def test_other_weights_are_another_identity(tmp_path: Path) -> None:
    home = pinned(tmp_path, commercial_use=True)
    assert choose("wav2lip", home).weights == "1" * 64
    assert choose("wav2lip", home).identity != choose("mesh", home).identity


def test_a_renderer_without_its_weights_says_how_to_add_them(tmp_path: Path) -> None:
    with pytest.raises(MissingWeights, match="avatar weights add wav2lip"):
        choose("wav2lip", Home(weights=tmp_path))


def test_commercial_requests_refuse_research_weights(tmp_path: Path) -> None:
    home = pinned(tmp_path, commercial_use=False)
    assert choose("wav2lip", home).name == "wav2lip"
    with pytest.raises(LicenceRefused, match="research only"):
        choose("wav2lip", home, commercial=True)


def test_a_package_adds_a_renderer(package: None) -> None:
    assert check_renderer("ours") == "ours"
    assert choose("ours", Home()).identity == "ours 3 "
    assert isinstance(load_renderer("ours"), MeshRenderer)
    with pytest.raises(LicenceRefused, match="ours"):
        choose("ours", Home(), commercial=True)


def test_a_package_s_renderer_is_held_to_what_ours_are(package: None) -> None:
    assert {"mesh", "wav2lip", "ours"} <= set(kinds())
    assert isinstance(kinds()["ours"](Home()), MeshRenderer)


@pytest.mark.parametrize("name", ["broken", "wrong"])
def test_a_package_that_is_broken_is_named(package: None, name: str) -> None:
    with pytest.raises(MissingDependency, match=name if name == "broken" else "NONE_AT_ALL"):
        offer_of(name)


def test_an_unknown_name_lists_those_there_are(package: None) -> None:
    with pytest.raises(InvalidRequest, match=r"auto, mesh, wav2lip, .*, ours, broken, wrong"):
        check_renderer("nothing")
