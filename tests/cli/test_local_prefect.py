import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from cli.local_prefect import local_prefect, template
from models.errors import OutputNotWritable
from tasks.settings import Settings

OWNER = """
import sys
from pathlib import Path
from cli.local_prefect import local_prefect
with local_prefect(Path(sys.argv[1]), Path(sys.argv[2])):
    print("up", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def no_prefect(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No setting of Prefect's in the environment, and none left behind."""
    for name in [name for name in os.environ if name.startswith("PREFECT_")]:
        monkeypatch.delenv(name)
    kept = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(kept)


def test_the_api_answers_only_to_its_password(no_prefect: None, tmp_path: Path) -> None:
    with local_prefect(Settings().prefect_home, tmp_path):
        url, secret = os.environ["PREFECT_API_URL"], os.environ["PREFECT_API_AUTH_STRING"]
        user, password = secret.split(":")
        stranger = httpx.get(f"{url}/admin/version", timeout=60)
        known = httpx.get(f"{url}/admin/version", auth=(user, password), timeout=60)
    assert (stranger.status_code, known.json()) == (401, "3.8.8")
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/health")


def test_a_server_that_is_named_is_used(
    no_prefect: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    before = psutil.Process().children()
    with local_prefect(tmp_path / "home", tmp_path):
        assert os.environ["PREFECT_API_URL"] == "http://127.0.0.1:1/api"
        assert psutil.Process().children() == before
    assert not (tmp_path / "home").exists()


def test_the_api_dies_with_its_owner(no_prefect: None, tmp_path: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(Settings().prefect_home), str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).resolve().parents[2],
    )
    with owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "up\n"
        servers = psutil.Process(owner.pid).children()
        owner.send_signal(signal.SIGKILL)
    gone, alive = psutil.wait_procs(servers, timeout=30)
    assert (len(gone), alive) == (1, [])


def test_the_empty_database_is_made_once(no_prefect: None) -> None:
    home = Settings().prefect_home
    made = template(home).stat()
    assert template(home).stat().st_mtime_ns == made.st_mtime_ns
    assert made.st_size > 500_000


def test_a_home_that_cannot_be_had_is_said(no_prefect: None, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputNotWritable, match="not a directory"):
        template(tmp_path / "file" / "home")
