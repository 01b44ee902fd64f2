"""The command as a shell runs it, in a process of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cli.main import run

AVATAR = Path(sys.executable).with_name("avatar")
SMALL = ["--resolution", "256", "--fps", "24"]


def environment(tmp_path: Path) -> dict[str, str]:
    """As on a machine where nobody ever set Prefect up."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    return clean | {"AVATAR_STORE": str(tmp_path / "store"), "HOME": str(tmp_path / "home")}


def test_one_command_makes_a_video(face_models: Path, portrait_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out" / "talk.mp4"
    script = ["--script", "Papa may buy a blue map.", "--output", str(out)]
    done = subprocess.run(
        [AVATAR, "render", portrait_file, *script, *SMALL],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert str(out) in done.stdout
    assert "lip_correlation" in done.stdout
    assert "INFO" not in done.stderr
    assert json.loads(out.with_name("talk.manifest.json").read_text())["seed"] == 0
    assert not (tmp_path / "home").exists()  # no profile was needed, none was made


def test_force_makes_it_anew(store_here: Path, portrait_file: Path, tmp_path: Path) -> None:
    script = ["--script", "Papa may buy a map.", "--output", str(tmp_path / "talk.mp4")]
    arguments = ["render", str(portrait_file), *script, *SMALL]
    made = []
    for force in ([], [], ["--force"]):
        assert run([*arguments, *force]) == 0
        (clip,) = (store_here / "clips").glob("*.mp4")
        made.append(clip.stat().st_mtime_ns)
    assert made[0] == made[1] < made[2]


def test_ctrl_c_ends_quietly_and_leaves_nothing(
    face_models: Path, portrait_file: Path, tmp_path: Path
) -> None:
    script = ["--script", "Papa may buy a blue map. " * 200, "--output", str(tmp_path / "o.mp4")]
    work = tmp_path / "store" / ".work"
    process = subprocess.Popen(
        [AVATAR, "render", portrait_file, *script],
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        while process.poll() is None and not list(work.glob("*/*.mp4")) + list(
            work.glob("*/.avatar-*.part")
        ):
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
    assert process.returncode == 130
    assert errors.splitlines()[-1] == "stopped"
    assert "Traceback" not in errors
    assert not (tmp_path / "o.mp4").exists()
    assert list(work.iterdir()) == []


def test_check_reports_portrait_and_recording_as_json(
    face_models: Path,
    portrait_file: Path,
    store_here: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["check", str(portrait_file), str(portrait_file), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["portrait"]["report"]["faces"][0]["mouth"] == "smiling with teeth"
    assert found["recording"]["code"] == "audio_unreadable"
