"""`avatar up`: everything on this machine, until Ctrl-C.

Prefect's server (or the one that PREFECT_API_URL names), pools and deployments, a worker for each
pool, and the HTTP gateway, open to callers of this machine alone. All of them share one store and
one place of Prefect's results.
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

from models.errors import SetupError

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
    api_port: Annotated[int, Option(min=1, max=65535, help="Of the HTTP API and studio.")] = 8005,
) -> None:
    """Run everything on this machine: server, workers, API and studio. Ctrl-C stops all of it."""
    from infra.supervisor import Stopped, Supervisor
    from tasks.settings import settings

    logs = settings().prefect_home.absolute() / "logs"
    with Supervisor(logs, typer.echo) as supervisor:
        try:
            env = environment(settings(), port)
            for services in stages(env, port, cpu_slots, api_port):
                supervisor.start(*services)
            typer.echo(f"{'all':8} ready  logs in {logs}, Ctrl-C stops")
            supervisor.watch()
        except Stopped:
            pass
    typer.echo(f"{'all':8} stopped")


def environment(settings: "Settings", port: int) -> Environment:
    """What all services share; what stands in our own environment goes before it."""
    away = "://" in settings.store
    beside = settings.prefect_home.absolute().parent
    ours = {
        "PREFECT_API_URL": f"http://{HOST}:{port}/api",
        "PREFECT_HOME": str(settings.prefect_home.absolute()),
        "PREFECT_LOCAL_STORAGE_PATH": str(settings.results.absolute()),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "AVATAR_STORE": settings.store if away else str(Path(settings.store).absolute()),
        "AVATAR_BACKUP": str(beside / "backup"),
        "DATABASE_URL": f"sqlite+aiosqlite:///{beside / 'gateway.db'}",
        "AVATAR_SEGMENT_DEPLOYMENT": "render-segment/gpu",
        "CPU_POOL": "cpu",
        "GPU_POOL": "gpu",
    }
    return {name: os.environ.get(name) or value for name, value in ours.items()}


def stages(env: Environment, port: int, cpu_slots: int, api_port: int) -> Iterator[list["Service"]]:
    """Each list starts side by side, once the one before it is ready; the end goes backwards."""
    from infra.supervisor import Service

    check_free(api_port, "give another --api-port")
    api = env["PREFECT_API_URL"]
    if not os.environ.get("PREFECT_API_URL"):
        yield [server(env, port)]
    yield [Service("pools", (*PYTHON, "infra.pools"), env)]
    yield [
        Service("deploy", (*PREFECT, "deploy", "--all"), env, folder=ROOT, address=api),
        worker("gpu", env["GPU_POOL"], env, slots=1),
        worker("cpu", env["CPU_POOL"], env, slots=cpu_slots),
        gateway(env, api_port),
    ]


def server(env: Environment, port: int) -> "Service":
    """Raises SetupError."""
    from infra.supervisor import Service

    check_free(port, "name it in PREFECT_API_URL, or give another --port")
    prepare_database(Path(env["PREFECT_HOME"]))
    return Service(
        "server",
        (*PYTHON, "infra.prefect_server", HOST, str(port)),
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


def gateway(env: Environment, port: int) -> "Service":
    """Without keys while only this machine reaches it; AVATAR_OPEN_ACCESS=false asks for them.

    In a container AVATAR_HOST is 0.0.0.0, and then every caller needs a key.
    """
    from infra.supervisor import Service

    address = f"http://{HOST}:{port}"
    listen = os.environ.get("AVATAR_HOST") or HOST
    open_here = "true" if listen == HOST else "false"
    access = {"AVATAR_OPEN_ACCESS": os.environ.get("AVATAR_OPEN_ACCESS") or open_here}
    return Service(
        "gateway",
        (*PYTHON, "cli", "serve", "--host", listen, "--port", str(port)),
        env | access,
        health=f"{address}/readyz",
        address=address,
    )


def check_free(port: int, remedy: str) -> None:
    """Raises SetupError."""
    try:
        socket.create_server((HOST, port)).close()
    except OSError as error:
        raise SetupError(
            f"port {port} of {HOST} is taken ({error.strerror}): stop what listens there, "
            f"or {remedy}"
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
