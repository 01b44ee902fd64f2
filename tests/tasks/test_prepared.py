"""A portrait is made ready once for all segments that show it alike, and anew where it must."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from skimage import data, io

from models.contracts import Background, BackgroundKind, Look
from models.mesh.renderer import MeshRenderer
from models.stages import Segment
from tasks import loaded, prepared
from tasks.policies import store
from tasks.settings import settings

SMALL = Look.model_validate({"resolution": 256})


@pytest.fixture
def made(
    face_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[Look]]:
    """The looks that portraits were made ready for; there is one in the store."""
    monkeypatch.setenv("AVATAR_STORE", str(tmp_path / "store"))
    settings.cache_clear()
    io.imsave(tmp_path / "face.png", data.astronaut())  # type: ignore[no-untyped-call]
    store().put(tmp_path / "face.png", "portraits/a.image")
    looks: list[Look] = []
    prepare = MeshRenderer.prepare

    def counted(self: MeshRenderer, *given: Any) -> object:  # noqa: ANN401
        looks.append(given[2])
        return prepare(self, *given)

    monkeypatch.setattr(MeshRenderer, "prepare", counted)
    prepared._prepared.cache_clear()
    yield looks
    prepared._prepared.cache_clear()
    settings.cache_clear()


def segment(first: int = 0, look: Look = SMALL, weights: str = "") -> Segment:
    return Segment(
        key=f"segments/{first}.mp4",
        portrait="portraits/a.image",
        face_index=0,
        motion="clips/a.motion.npz",
        first=first,
        stop=first + 10,
        look=look,
        renderer="mesh",
        weights=weights,
    )


def test_the_segments_of_a_video_make_its_portrait_ready_once(made: list[Look]) -> None:
    first = prepared.prepared(segment(0))
    captioned = SMALL.model_copy(update={"captions": "burned"})
    for other in (segment(10), segment(20), segment(30, captioned)):
        assert prepared.prepared(other) is first
    assert len(made) == 1


def test_another_size_is_made_ready_anew_and_few_are_kept(made: list[Look]) -> None:
    sizes = [Look.model_validate({"resolution": 256, "aspect": each}) for each in ("9:16", "16:9")]
    for look in (SMALL, *sizes, SMALL, SMALL):
        prepared.prepared(segment(look=look))
    assert len(made) == 4  # the first was gone when it was asked for again
    assert prepared._prepared.cache_info().currsize == prepared.KEPT


def test_a_backdrop_of_other_content_is_not_taken_for_the_former(
    made: list[Look], tmp_path: Path
) -> None:
    """Under the same name: a child that stays warm meets both."""
    behind = tmp_path / "behind.png"
    kind = {"kind": BackgroundKind.PICTURE, "picture": str(behind)}
    look = SMALL.model_copy(update={"background": Background.model_validate(kind)})
    found = []
    pictures = [data.coffee(), data.chelsea()]  # type: ignore[no-untyped-call]
    for index in (0, 0, 1):
        io.imsave(behind, pictures[index])
        found.append(prepared.prepared(segment(look=look)))
    assert found[0] is found[1] is not found[2]
    assert (found[0].still != found[2].still).any()


def test_other_weights_make_it_ready_anew(
    made: list[Look], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, chosen = prepared.prepared(segment()), loaded.chosen

    def other(name: str) -> object:
        choice = chosen(name)
        return type(choice)(choice.name, choice.card, weights="1" * 64)

    monkeypatch.setattr(loaded, "chosen", other)
    assert prepared.prepared(segment()) is not first
    assert len(made) == 2
