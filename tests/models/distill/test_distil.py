"""From folders of portraits and recordings to a student that renders: the whole way."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import pytest
import torch
from skimage import data, io

from models.assets import DEFAULT_CACHE
from models.contracts import Look
from models.distill.checkpoint import FILE
from models.distill.distil import REPORT, SHEET, STUDENT, Order, distil
from models.errors import InvalidRequest, MissingWeights, OutputNotWritable, WeightsRefused
from models.portrait.face import Face, Picture
from models.renderer import Home, Span
from models.wav2lip.folding import fold
from models.wav2lip.loading import made_of
from models.weights.folder import FOLDER, WeightsFolder
from tests.models.distill.sounds import spoken
from tests.models.renderers.scenes import frames_of, lively
from tests.models.wav2lip import published


@pytest.fixture
def order(face_models: Path, small_state: published.State, tmp_path: Path) -> Order:
    """Portraits, one of them without a face; a recording; a small teacher for research only."""
    models, portraits, sound = (tmp_path / name for name in ("models", "portraits", "sound"))
    for folder in (models, portraits, sound):
        folder.mkdir()
    for model in DEFAULT_CACHE.iterdir():
        (models / model.name).symlink_to(model)
    io.imsave(portraits / "astronaut.png", data.astronaut())  # type: ignore[no-untyped-call]
    io.imsave(portraits / "coffee.png", data.coffee())  # type: ignore[no-untyped-call]
    (portraits / "notes.txt").write_text("no picture")
    spoken(sound / "speech.wav", 12.0)
    torch.save({"state_dict": small_state}, tmp_path / "teacher.pth")
    WeightsFolder(models / FOLDER).add(
        "wav2lip", str(tmp_path / "teacher.pth"), licence="for research", commercial_use=False
    )
    return Order([portraits], [sound], tmp_path / "out", models, steps=4, every=2)


def test_a_student_is_trained_judged_and_added_to_the_weights(
    order: Order, astronaut: tuple[Picture, Face]
) -> None:
    told: list[str] = []
    report = distil(order, told.append)
    assert [score.step for score in report.scores] == [2, 4]
    assert 0.4 < report.student_parameters / report.teacher_parameters < 0.6
    assert (report.portraits, round(report.sound_s)) == (1, 12)
    assert report.speed.ratio > 0
    assert [line for line in told if "coffee.png" in line] == [f"left out: {report.skipped[0]}"]
    assert json.loads((order.out / REPORT).read_text())["sha256"] == report.sha256
    sheet = cv2.imread(str(order.out / SHEET))
    assert sheet is not None
    assert sheet.shape[1] == 4 * 2 * 96

    weights = WeightsFolder(order.models / FOLDER)
    pin = weights.pin("wav2lip-student")
    assert (pin.licence, pin.commercial_use, pin.layout) == ("for research", False, "wav2lip")
    renderer = made_of(fold(weights.load("wav2lip-student")), Home())
    look = Look.model_validate({"resolution": 256})
    ready = renderer.prepare(*astronaut, look)
    assert frames_of(renderer, ready, lively(3), Span(0, 3)).shape == (3, 256, 256, 3)


def test_a_longer_run_goes_on_and_the_same_run_ends_the_same(order: Order) -> None:
    whole = distil(order)
    kept = (order.out / STUDENT).read_bytes()
    told: list[str] = []
    assert distil(order, told.append).sha256 == whole.sha256
    assert "going on after step 4" in told
    assert (order.out / STUDENT).read_bytes() == kept
    longer = distil(replace(order, steps=6))
    assert [score.step for score in longer.scores] == [2, 4, 6]
    assert longer.sha256 != whole.sha256


def test_another_teacher_does_not_go_on_with_this_checkpoint(order: Order, tmp_path: Path) -> None:
    distil(replace(order, steps=1))
    torch.save(published.random_state(seed=6, fewer=8), tmp_path / "other.pth")
    WeightsFolder(order.models / FOLDER).add(
        "other", str(tmp_path / "other.pth"), layout="wav2lip", licence="x", commercial_use=True
    )
    with pytest.raises(InvalidRequest, match=rf"{FILE} is of another teacher"):
        distil(replace(order, teacher="other"))


def test_what_cannot_be_distilled_is_told_before_anything_is_made(
    order: Order, tmp_path: Path
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    coffee = tmp_path / "portraits" / "coffee.png"
    short = spoken(tmp_path / "short.wav", 2.0)
    for change, kind, told in (
        ({"portraits": [empty]}, InvalidRequest, "there are no portraits in"),
        ({"portraits": [tmp_path / "none"]}, InvalidRequest, "correct the path"),
        ({"portraits": [coffee]}, InvalidRequest, "no portrait will do: no face in coffee.png"),
        ({"recordings": [empty]}, InvalidRequest, "there are no recordings in"),
        ({"recordings": [coffee]}, InvalidRequest, "no recording will do"),
        ({"recordings": [short]}, InvalidRequest, r"2\.\d s of sound are too little"),
        ({"teacher": "none"}, MissingWeights, "avatar weights add none"),
        ({"name": "wav2lip"}, InvalidRequest, "choose another --name"),
        ({"share": 3.0}, InvalidRequest, r"0\.1 to 1"),
        ({"steps": 0}, InvalidRequest, "one step at least"),
        ({"out": coffee / "out"}, OutputNotWritable, "choose a folder"),
    ):
        with pytest.raises(kind, match=told):
            distil(replace(order, **change))
    assert not list(order.out.iterdir())
    assert [pin.name for pin in WeightsFolder(order.models / FOLDER).pins()] == ["wav2lip"]


def test_a_teacher_whose_file_was_changed_teaches_nothing(order: Order) -> None:
    file = WeightsFolder(order.models / FOLDER).file("wav2lip")
    file.write_bytes(file.read_bytes()[:-1] + b"\x01")
    with pytest.raises(WeightsRefused, match="not what was added"):
        distil(order)
