"""Weights are pinned at their first import, converted, and never run anything."""

import json
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from models.errors import InvalidRequest, LicenceRefused, MissingWeights, WeightsRefused
from models.weights.folder import LAYOUTS, WeightsFolder
from models.weights.pins import Pin

STATE = {"module.lips.weight": torch.arange(6.0).view(2, 3)}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WeightsFolder:
    """With a layout that takes anything but a key `other`."""

    def take(state: object) -> None:
        if "other" in dict(state):  # type: ignore[call-overload]
            raise WeightsRefused("other is no part of it")

    monkeypatch.setitem(LAYOUTS, "lips", take)
    return WeightsFolder(tmp_path / "weights")


def checkpoint(path: Path, content: object = None) -> Path:
    torch.save({"state_dict": STATE, "epoch": 3} if content is None else content, path)
    return path


def added(folder: WeightsFolder, source: Path) -> Pin:
    return folder.add("lips", str(source), licence="our own", commercial_use=True)


def test_a_checkpoint_becomes_pinned_safetensors(folder: WeightsFolder, tmp_path: Path) -> None:
    pin = added(folder, checkpoint(tmp_path / "lips.pth"))
    assert torch.equal(folder.load("lips")["module.lips.weight"], STATE["module.lips.weight"])
    assert folder.file("lips").suffix == ".safetensors"
    assert folder.pins() == (pin,)
    assert json.loads((folder.root / "lips.json").read_text())["licence"] == "our own"


def test_safetensors_are_taken_under_any_name(folder: WeightsFolder, tmp_path: Path) -> None:
    save_file(STATE, tmp_path / "lips.bin")
    added(folder, tmp_path / "lips.bin")
    assert set(folder.load("lips")) == set(STATE)


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return eval, ("open('ran', 'w')",)


def test_a_pickle_with_code_is_refused_and_not_run(
    folder: WeightsFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, write in (("zip.pth", torch.save), ("plain.pth", dumped)):
        write({"state_dict": STATE, "hook": Evil()}, tmp_path / name)
        with pytest.raises(WeightsRefused, match="holds code"):
            added(folder, tmp_path / name)
    assert not (tmp_path / "ran").exists()
    assert not folder.has("lips")


def dumped(content: object, path: Path) -> None:
    path.write_bytes(pickle.dumps(content, protocol=2))


@pytest.mark.parametrize("content", [b"", b"no weights", b"\x10" + bytes(7) + b"{nothing"])
def test_what_is_no_checkpoint_is_refused(
    folder: WeightsFolder, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "lips.pth").write_bytes(content)
    with pytest.raises(WeightsRefused, match=r"lips|weights"):
        added(folder, tmp_path / "lips.pth")
    assert list(folder.root.iterdir()) == []


def test_a_refused_layout_leaves_nothing(folder: WeightsFolder, tmp_path: Path) -> None:
    with pytest.raises(WeightsRefused, match="other is no part"):
        added(folder, checkpoint(tmp_path / "x.pth", {"other": torch.zeros(1)}))
    assert list(folder.root.iterdir()) == []


def test_another_file_is_refused_once_one_is_pinned(folder: WeightsFolder, tmp_path: Path) -> None:
    first = added(folder, checkpoint(tmp_path / "lips.pth"))
    other = checkpoint(tmp_path / "new.pth", {"state_dict": {"a": torch.ones(2)}})
    with pytest.raises(WeightsRefused, match=first.source_sha256):
        added(folder, other)
    assert folder.verify("lips") == first


def test_a_demanded_hash_is_checked_at_the_first_import(
    folder: WeightsFolder, tmp_path: Path
) -> None:
    source = str(checkpoint(tmp_path / "lips.pth"))
    with pytest.raises(WeightsRefused, match="0" * 64):
        folder.add("lips", source, licence="x", commercial_use=True, sha256="0" * 64)


def test_a_changed_file_is_not_loaded_and_pulled_anew(
    folder: WeightsFolder, tmp_path: Path
) -> None:
    pin = added(folder, checkpoint(tmp_path / "lips.pth"))
    whole = folder.file("lips").read_bytes()
    folder.file("lips").write_bytes(whole[:-1] + b"\x01")
    with pytest.raises(WeightsRefused, match="not what was added"):
        folder.load("lips")
    assert folder.pull("lips") == pin
    folder.file("lips").unlink()
    with pytest.raises(MissingWeights, match="pull lips"):
        folder.verify("lips")
    assert folder.pull("lips") == pin
    assert folder.file("lips").read_bytes() == whole


def test_a_source_that_changed_is_not_pulled(folder: WeightsFolder, tmp_path: Path) -> None:
    source = checkpoint(tmp_path / "lips.pth")
    added(folder, source)
    folder.file("lips").unlink()
    checkpoint(source, {"state_dict": {"a": torch.ones(2)}})
    with pytest.raises(WeightsRefused, match="pinned to"):
        folder.pull("lips")


def test_research_weights_are_refused_for_commercial_use(
    folder: WeightsFolder, tmp_path: Path
) -> None:
    source = str(checkpoint(tmp_path / "lips.pth"))
    pin = folder.add("lips", source, licence="research only", commercial_use=False)
    pin.check_licence(commercial=False)
    with pytest.raises(LicenceRefused, match=r"lips \(research only\)"):
        pin.check_licence(commercial=True)


@pytest.mark.parametrize(
    ("name", "layout", "licence"),
    [("lips", "nose", "x"), ("../lips", "lips", "x"), ("lips", "lips", " ")],
)
def test_what_cannot_be_added_is_told(
    folder: WeightsFolder, tmp_path: Path, name: str, layout: str, licence: str
) -> None:
    source = str(checkpoint(tmp_path / "lips.pth"))
    with pytest.raises(InvalidRequest):
        folder.add(name, source, licence=licence, commercial_use=True, layout=layout)
    assert {path.name for path in tmp_path.iterdir()} == {"lips.pth"}


@pytest.mark.parametrize("source", ["nothing.pth", "ftp://host/lips.pth"])
def test_a_source_that_is_none_is_told(folder: WeightsFolder, source: str) -> None:
    with pytest.raises(InvalidRequest, match=source):
        folder.add("lips", source, licence="x", commercial_use=True)


def test_unknown_weights_name_the_command_that_adds_them(folder: WeightsFolder) -> None:
    with pytest.raises(MissingWeights, match="avatar weights add lips"):
        folder.load("lips")
