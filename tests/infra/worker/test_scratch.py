"""Temporary places, real folders and real locks; who dies is a process of its own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from infra.worker.scratch import Scratch

HOLDER = """
import sys
from pathlib import Path
from infra.worker.scratch import Scratch
scratch = Scratch(Path(sys.argv[1]))
scratch.folder("run").mkdir()
print(scratch.place, flush=True)
sys.stdin.read()
"""


def holder(above: Path) -> tuple["subprocess.Popen[str]", Path]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(above)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def kill(process: "subprocess.Popen[str]") -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


def test_a_run_s_folder_is_cleared_and_the_others_stay(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    for name in ("one", "other"):
        scratch.folder(name).mkdir()
    (scratch.folder("one") / "file").write_text("x")
    scratch.clear("one")
    scratch.clear("never made")
    assert not scratch.folder("one").exists()
    assert scratch.folder("other").exists()
    scratch.close()


def test_a_closed_place_is_gone(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path / "made")
    scratch.folder("run").mkdir()
    scratch.close()
    assert list((tmp_path / "made").iterdir()) == []


def test_what_a_killed_worker_left_goes_with_the_next_one(tmp_path: Path) -> None:
    process, place = holder(tmp_path)
    kill(process)
    assert (place / "run").is_dir()
    Scratch(tmp_path).close()
    assert not place.exists()


def test_the_place_of_a_living_worker_stays(tmp_path: Path) -> None:
    process, place = holder(tmp_path)
    try:
        Scratch(tmp_path).close()
        assert (place / "run").is_dir()
    finally:
        kill(process)


def test_a_place_is_held_by_a_child_whose_worker_is_gone(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=(scratch.lock_file,))
    try:
        os.close(scratch.lock_file)
        Scratch(tmp_path).close()
        assert scratch.place.exists()
    finally:
        child.communicate()
    Scratch(tmp_path).close()
    assert not scratch.place.exists()


def test_a_place_without_its_lock_begins_just_now_and_stays(tmp_path: Path) -> None:
    place = tmp_path / "avatar-worker-new"
    place.mkdir()
    Scratch(tmp_path).close()
    assert place.exists()


def test_folders_of_others_stay(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / ".lock").touch()
    Scratch(tmp_path).close()
    assert (tmp_path / "theirs").exists()
