"""A full disk under the store, or under Prefect's records: a real one of a few kilobytes.

The command runs in a namespace of its own, where anybody may mount a small file system.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.sorting import FlowRunSort

from tests.prefect_here import portrait_file, prefect_server

__all__ = ["portrait_file", "prefect_server"]

ROOT = Path(__file__).resolve().parents[2]
AVATAR = [sys.executable, "-c", "from cli.main import main; main()"]
ON_A_SMALL_DISK = """
mount -t tmpfs -o size=$ROOM tmpfs "$DISK"
"$@"
code=$?
cp -a "$STORE/." "$KEPT"
exit $code
"""
ALLOWED = (
    shutil.which("unshare")
    and not subprocess.run(
        ["unshare", "--map-root-user", "--mount", "true"], check=False, capture_output=True
    ).returncode
)

pytestmark = pytest.mark.skipif(
    not ALLOWED, reason="this system allows no user namespaces: no small disk can be mounted"
)


class Machine:
    """Runs the command with its store, or a part of it, on a disk of so much room."""

    def __init__(self, folder: Path, portrait: Path) -> None:
        self.store, self.kept, self.out = (folder / name for name in ("store", "kept", "out"))
        self._portrait = portrait
        for place in (self.store / "results", self.kept, self.out):
            place.mkdir(parents=True)

    def render(self, words: str, disk: Path, room: str) -> subprocess.CompletedProcess[str]:
        changes = {
            "AVATAR_STORE": str(self.store),
            "PREFECT_LOCAL_STORAGE_PATH": str(self.store / "results"),
            "STORE": str(self.store),
            "KEPT": str(self.kept),
            "DISK": str(disk),
            "ROOM": room,
        }
        inside = ["unshare", "--map-root-user", "--mount", "sh", "-c", ON_A_SMALL_DISK, "sh"]
        look = ["--resolution", "256", "--fps", "24", "--output", str(self.out / "v.mp4")]
        return subprocess.run(
            [*inside, *AVATAR, "render", str(self._portrait), "--script", words, *look],
            cwd=ROOT,
            env=os.environ | changes,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.fixture
def machine(
    prefect_server: None, face_models: Path, tmp_path: Path, portrait_file: Path
) -> Machine:
    return Machine(tmp_path, portrait_file)


@pytest.fixture
def client(prefect_server: None) -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as client:
        yield client


@pytest.mark.parametrize("room", ["200k", "640k"])
def test_a_full_store_fails_the_run_with_the_reason_and_leaves_nothing_half(
    machine: Machine, client: SyncPrefectClient, room: str
) -> None:
    done = machine.render("Papa may buy a map.", machine.store, room)
    assert done.returncode == 2, done.stderr
    assert done.stderr.strip().startswith("disk_full: no room left")
    (run,) = client.read_flow_runs(sort=FlowRunSort.START_TIME_DESC, limit=1)
    assert run.state is not None
    assert run.state.type is StateType.FAILED
    assert "no room left" in str(run.state.message)
    assert list(machine.out.iterdir()) == []
    assert not list(machine.kept.glob(".work/*"))
    assert not [path for path in machine.kept.rglob("*") if path.name.endswith(".part")]


def test_records_that_find_no_room_cost_no_video_and_are_not_believed(machine: Machine) -> None:
    full = machine.render("Papa may buy a blue map.", machine.store / "results", "4k")
    assert full.returncode == 0, full.stderr
    assert (machine.out / "v.mp4").stat().st_size > 10_000
    cut = [path for path in (machine.kept / "results").iterdir() if not path.stat().st_size]
    assert cut  # the file system's, not ours: what it could not hold is empty
    shutil.copytree(machine.kept / "results", machine.store / "results", dirs_exist_ok=True)
    (machine.out / "v.mp4").unlink()
    unused = machine.kept / "unused"
    unused.mkdir()
    again = machine.render("Papa may buy a blue map.", unused, "4k")
    assert again.returncode == 0, again.stderr
    assert all((machine.store / "results" / path.name).stat().st_size for path in cut)
