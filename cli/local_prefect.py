"""Runs flows on this machine without a Prefect server, or a profile, of the user's.

Where PREFECT_API_URL is set, that server is used and nothing is started. Otherwise Prefect's own
API runs beside this process until it ends. It starts early, so that it comes up while this
process still imports, and from a copy of a migrated database: migrating takes most of a cold
start, and runs side by side don't share a file.
"""

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from models.errors import PrefectFailed
from models.media.files import writing_to

ROOT = Path(__file__).resolve().parents[1]
QUIET = {
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
}
WITHOUT_LOGS = {  # the API beside this process forgets them anyway
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
}
STARTED_HERE = {
    "PREFECT_SERVER_DATABASE_MIGRATE_ON_START": "false",
    "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
}


@contextmanager
def local_prefect(home: Path, results: Path) -> Iterator[None]:
    """Prefect's settings for the block, in the environment: enter before Prefect is imported.

    `home` keeps what is worth keeping between runs, `results` Prefect's records of cached tasks.
    """
    named = bool(os.environ.get("PREFECT_API_URL"))
    settings = QUIET if named else QUIET | WITHOUT_LOGS
    places = {"PREFECT_LOCAL_STORAGE_PATH": str(results), "PREFECT_HOME": str(home)}
    for name, value in (settings | places).items():
        os.environ.setdefault(name, value)
    if named:
        yield
        return
    password = secrets.token_urlsafe()
    with tempfile.TemporaryDirectory(prefix="avatar-prefect-") as folder:
        database = shutil.copyfile(template(home), Path(folder) / "run.db")
        with _serving(database, password) as port:
            os.environ["PREFECT_API_URL"] = f"http://127.0.0.1:{port}/api"
            os.environ["PREFECT_API_AUTH_STRING"] = f"avatar:{password}"
            yield


def template(home: Path) -> Path:
    """A migrated, empty database of this Prefect version, made when first asked for."""
    made = home / f"empty-{version('prefect')}.db"
    if not made.is_file():
        with writing_to(home):
            home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home) as folder:
            database = Path(folder) / made.name
            _run(database, "--migrate")
            database.replace(made)
    return made


def main() -> None:
    """The set-up step: migrate now, so that no first run has to."""
    from tasks.settings import settings

    template(settings().prefect_home)


@contextmanager
def _serving(database: Path, password: str) -> Iterator[int]:
    settings = STARTED_HERE | {"PREFECT_SERVER_API_AUTH_STRING": f"avatar:{password}"}
    server = subprocess.Popen(
        _command(),
        env=_environment(database, settings),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,  # Ctrl-C is for us; we end it
    )
    with server:
        try:
            port = server.stdout.readline() if server.stdout else ""
            if not port:
                raise PrefectFailed("Prefect's API did not start: run `make setup` again")
            yield int(port)
        finally:
            server.kill()


def _run(database: Path, *arguments: str) -> None:
    made = subprocess.run(
        [*_command(), *arguments],
        env=_environment(database, {}),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        reason = (made.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise PrefectFailed(f"Prefect's database cannot be made ({reason}): run `make setup` again")


def _command() -> list[str]:
    return [sys.executable, "-m", "cli.prefect_process"]


def _environment(database: Path, settings: Mapping[str, str]) -> dict[str, str]:
    url = f"sqlite+aiosqlite:///{database}"
    return {**os.environ, **settings, "PREFECT_SERVER_DATABASE_CONNECTION_URL": url}


if __name__ == "__main__":
    main()
