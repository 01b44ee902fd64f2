"""What the README tells programs to do works as it stands there, against a real gateway."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from skimage import data

from tests.api.conftest import settings_for
from tests.api.finishing import FILES, finishing
from tests.api.running import ROOT, Api, gateway

README = (ROOT / "README.md").read_text(encoding="utf-8")
SECTION = README.partition("## From a program\n")[2].partition("\n## ")[0]
PATIENCE_S = 60


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("readme")
    with gateway(settings_for(f"sqlite:///{folder}/g.db", folder / "store")) as running:
        yield running


def block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```", SECTION, re.DOTALL | re.MULTILINE)
    assert found is not None, f"the README shows no {language}"
    return found[1]


def run(api: Api, owner: str, folder: Path, *command: str) -> str:
    Image.fromarray(data.astronaut()).save(folder / "portrait.jpg")  # type: ignore[no-untyped-call]
    environment = {
        **os.environ,
        "AVATAR_API": api.url,
        "AVATAR_API_KEY": api.key(owner),
        "PYTHONPATH": str(ROOT),
    }
    with finishing(api):
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_lines_of_curl_make_a_video(api: Api, tmp_path: Path) -> None:
    for program in ("curl", "jq"):
        if shutil.which(program) is None:
            pytest.skip(f"needs Debian's package {program}")
    script = "set -euo pipefail\n" + block("sh")
    told = run(api, "curl", tmp_path, "bash", "-c", script)
    assert "event: video.queued" in told
    assert "event: video.done" in told
    assert (tmp_path / "video.mp4").read_bytes() == FILES["video.mp4"]


def test_the_lines_of_python_make_a_video(api: Api, tmp_path: Path) -> None:
    told = run(api, "python", tmp_path, sys.executable, "-c", block("python"))
    assert "done 100" in told
    videos = list((tmp_path / "videos").glob("*-video.mp4"))
    assert [video.read_bytes() for video in videos] == [FILES["video.mp4"]]
