"""A plan is built once, whoever asks, and again only when something changed."""

import multiprocessing
from dataclasses import replace
from pathlib import Path

import pytest

from models.engines.plans import PlanKey, Plans

KEY = PlanKey("weights", "onnx", "a cpu", ("torch 2", "onnx 1"))


def test_a_plan_is_built_once(tmp_path: Path) -> None:
    built: list[Path] = []

    def build(target: Path) -> None:
        built.append(target)
        target.write_bytes(b"plan")

    plans = Plans(tmp_path / "plans")
    assert plans.find(KEY) is None
    assert plans.get(KEY, build).read_bytes() == b"plan"
    assert plans.get(KEY, build) == plans.find(KEY)
    assert len(built) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"network": "other weights"},
        {"precision": "onnx-int8"},
        {"device": "another cpu"},
        {"versions": ("torch 2", "onnx 2")},
    ],
)
def test_any_change_makes_another_plan(tmp_path: Path, change: dict[str, object]) -> None:
    plans = Plans(tmp_path)
    plans.get(KEY, lambda target: target.write_bytes(b"plan"))
    assert plans.find(replace(KEY, **change)) is None  # type: ignore[arg-type]


def test_a_build_that_fails_leaves_nothing(tmp_path: Path) -> None:
    plans = Plans(tmp_path)

    def fail(target: Path) -> None:
        target.write_bytes(b"half")
        raise RuntimeError("interrupted")

    with pytest.raises(RuntimeError):
        plans.get(KEY, fail)
    assert plans.find(KEY) is None
    assert [path.suffix for path in tmp_path.iterdir()] == [".lock"]


def ask(root: Path, notes: Path) -> None:
    def build(target: Path) -> None:
        with notes.open("a") as file:
            file.write("built\n")
        target.write_bytes(b"plan")

    Plans(root).get(KEY, build)


def test_processes_that_ask_at_once_build_once(tmp_path: Path) -> None:
    fresh = multiprocessing.get_context("fork")
    asking = [fresh.Process(target=ask, args=(tmp_path, tmp_path / "notes")) for _ in range(4)]
    for process in asking:
        process.start()
    for process in asking:
        process.join(30)
    assert (tmp_path / "notes").read_text() == "built\n"
