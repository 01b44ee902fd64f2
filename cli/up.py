"""`avatar up`: everything on this machine, until Ctrl-C.

Prefect's server (or the one that PREFECT_API_URL names), pools and deployments, and a worker for
each pool. All of them share one store and one place of Prefect's results.
"""

import os
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Option

from models.errors import PrefectFailed

if TYPE_CHECKING:
    from infra.supervisor import Service
    from tasks.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
HOST = "127.0.0.1"
DRAIN_S = 330.0  # a worker's own bound, and the time to say goodbye
PYTHON = (sys.executable, "-m")
PREFECT = (*PYTHON, "prefect", "--no-prompt")

Environment = dict[str, str]


def up(
    port: Annotated[int, Option(min=1, max=65535, help="Of Prefect's page and API.")] = 4200,
    # a batch holds one place while its videos run in the others
    cpu_slots: Annotated[int, Option(min=2, help="Flows side by side on the CPU pool.")] = 2,
) -> None:
    """Run everything on this machine: server, workers, deployments. Ctrl-C stops all of it."""
    from infra.supervisor import Stopped, Supervisor
    from tasks.settings import settings

    logs = settings().prefect_home.absolute() / "logs"
    with Supervisor(logs, typer.echo) as supervisor:
        try:
            for services in stages(environment(settings(), port), port, cpu_slots):
                supervisor.start(*services)
            typer.echo(f"{'all':8} ready  logs in {logs}, Ctrl-C stops")
            supervisor.watch()
        except Stopped:
            pass
    typer.echo(f"{'all':8} stopped")


def environment(settings: "Settings", port: int) -> Environment:
    """What all services share; what stands in our own environment goes before it."""
    away = "://" in settings.store
    ours = {
        "PREFECT_API_URL": f"http://{HOST}:{port}/api",
        "PREFECT_HOME": str(settings.prefect_home.absolute()),
        "PREFECT_LOCAL_STORAGE_PATH": str(settings.results.absolute()),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "AVATAR_STORE": settings.store if away else str(Path(settings.store).absolute()),
        "AVATAR_BACKUP": str(settings.prefect_home.absolute().parent / "backup"),
        "AVATAR_SEGMENT_DEPLOYMENT": "render-segment/gpu",
        "CPU_POOL": "cpu",
        "GPU_POOL": "gpu",
    }
    return {name: os.environ.get(name) or value for name, value in ours.items()}


def stages(env: Environment, port: int, cpu_slots: int) -> Iterator[list["Service"]]:
    """Each list starts side by side, once the one before it is ready; the end goes backwards.

    The gateway joins the last list.
    """
    from infra.supervisor import Service

    api = env["PREFECT_API_URL"]
    if not os.environ.get("PREFECT_API_URL"):
        yield [server(env, port)]
    yield [Service("pools", (*PYTHON, "infra.pools"), env)]
    yield [
        Service("deploy", (*PREFECT, "deploy", "--all"), env, folder=ROOT, address=api),
        worker("gpu", env["GPU_POOL"], env, slots=1),
        worker("cpu", env["CPU_POOL"], env, slots=cpu_slots),
    ]


def server(env: Environment, port: int) -> "Service":
    """Raises PrefectFailed where the port is taken."""
    from infra.supervisor import Service

    check_free(port)
    prepare_database(Path(env["PREFECT_HOME"]))
    return Service(
        "server",
        (*PREFECT, "server", "start", "--host", HOST, "--port", str(port)),
        env,
        health=f"{env['PREFECT_API_URL']}/health",
        address=f"http://{HOST}:{port}",
    )


def worker(name: str, pool: str, env: Environment, slots: int) -> "Service":
    from infra.supervisor import Service

    address = f"http://{HOST}:{free_port()}"
    ours = {"AVATAR_WORKER_PORT": address.rpartition(":")[2], "AVATAR_WORKER_SLOTS": str(slots)}
    return Service(
        name,
        (*PREFECT, "worker", "start", "--pool", pool, "--name", f"{name}-{socket.gethostname()}"),
        env | ours,
        health=f"{address}/readyz",
        address=f"{address}/metrics",
        drain_s=DRAIN_S,
    )


def check_free(port: int) -> None:
    try:
        socket.create_server((HOST, port)).close()
    except OSError as error:
        raise PrefectFailed(
            f"port {port} of {HOST} is taken ({error.strerror}): stop what listens there, "
            "name it in PREFECT_API_URL, or give another --port"
        ) from error


def free_port() -> int:
    with socket.create_server((HOST, 0)) as listener:
        return int(listener.getsockname()[1])


def prepare_database(home: Path) -> None:
    """Begin with a migrated database: migrating takes most of a first start."""
    from cli.local_prefect import template

    database = home / "prefect.db"
    if not database.exists() and "PREFECT_SERVER_DATABASE_CONNECTION_URL" not in os.environ:
        shutil.copyfile(template(home), database)
