"""The autoscaler as a process: settings in, and it runs until it is told to stop."""

import logging
import shlex
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from infra.autoscaler.depth import PrefectQueue
from infra.autoscaler.drivers.driver import Driver
from infra.autoscaler.drivers.others import OthersWorkers
from infra.autoscaler.drivers.processes import WorkerProcesses
from infra.autoscaler.exporter import Exporter
from infra.autoscaler.loop import Autoscaler
from infra.autoscaler.rules import Rule, rule_for
from models.assets import DEFAULT_CACHE
from models.errors import AvatarError, MissingDependency
from models.storage import digest

BACKUP = "backup-models"
BACKUPS_EVERY_S = 300.0


class AutoscalerSettings(BaseSettings):
    """Each field is AVATAR_SCALE_NAME in the environment, Prefect's keep their own names."""

    model_config = SettingsConfigDict(
        env_prefix="AVATAR_SCALE_", frozen=True, populate_by_name=True
    )

    prefect_url: str = Field(
        default="http://127.0.0.1:4200/api", validation_alias="PREFECT_API_URL"
    )
    prefect_auth: SecretStr | None = Field(
        default=None, validation_alias="PREFECT_API_AUTH_STRING", description="user:password"
    )
    pool: str = Field(default="gpu", description="Prefect's work pool to scale.")
    users: int = Field(default=1, ge=1, description="Users at once: 50 and more take other rules.")
    at_least: int = Field(default=0, ge=0, description="Workers, always.")
    warm: int = Field(default=1, ge=0, description="Workers, until the pool is idle for long.")
    at_most: int | None = Field(default=None, ge=1, description="Workers, always.")
    slots: int = Field(default=1, ge=1, description="Runs that one worker takes at once.")
    every_s: float = Field(default=5.0, gt=0, description="Seconds between two looks.")
    command: str | None = Field(
        default=None, description="Starts one worker on this machine; default: on the pool."
    )
    drain_s: float = Field(default=600.0, ge=0, description="Longest time to finish a run.")
    log: Path | None = Field(default=None, description="File for what the workers say.")
    folder: Path | None = Field(
        default=None, description="Remembers its workers, should it be killed."
    )
    group: str | None = Field(
        default=None, description="EC2 Auto Scaling group, instead of this machine."
    )
    region: str | None = Field(default=None, description="Region of the group.")
    hook: str | None = Field(default=None, description="The group's terminating lifecycle hook.")
    watch_only: bool = Field(
        default=False, description="Only tell: KEDA or somebody else starts and ends the workers."
    )
    host: str = Field(default="127.0.0.1", description="Address that the exporter listens on.")
    port: int = Field(default=9095, ge=0, le=65535, description="Port of the exporter.")

    def rule(self) -> Rule:
        profile = rule_for(self.users)
        return replace(
            profile,
            at_least=self.at_least,
            warm=max(self.warm, self.at_least),
            at_most=self.at_most or profile.at_most,
            slots=self.slots,
        )

    @property
    def memory(self) -> Path:
        """One folder for each pool of each server, unless one is named."""
        named = digest(self.prefect_url, self.pool)
        return self.folder or DEFAULT_CACHE.parent / "autoscaler" / named

    def worker_command(self) -> list[str]:
        if self.command:
            return shlex.split(self.command)
        return [sys.executable, "-m", "prefect", "worker", "start", "--pool", self.pool]


def serve_until_told(settings: AutoscalerSettings) -> None:
    """Scale until SIGTERM or Ctrl-C."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: stop.set())
    serve(settings, stop)


def serve(settings: AutoscalerSettings, stop: threading.Event) -> None:
    """Scale until `stop` is set; then workers of this machine drain, those of EC2 stay."""
    rule = settings.rule()
    with ExitStack() as open_until_stopped:
        client = open_until_stopped.enter_context(_prefect(settings))
        queue = PrefectQueue(client, settings.pool)
        queue.check()
        driver = open_until_stopped.enter_context(_driver(settings, queue))
        exporter = Exporter(settings.pool, (settings.host, settings.port))
        open_until_stopped.enter_context(exporter)
        open_until_stopped.enter_context(_backups(queue, exporter))
        Autoscaler(queue, driver, rule, watcher=exporter).run(stop, settings.every_s)


@contextmanager
def _backups(queue: PrefectQueue, exporter: Exporter) -> Iterator[None]:
    """Look now and then, on a thread of its own: scaling must not wait for it."""
    over = threading.Event()

    def look() -> None:
        while True:
            try:
                last = queue.last_completed(BACKUP)
                exporter.backed_up(last.timestamp() if last else 0.0)
            except AvatarError as error:
                logging.getLogger(__name__).warning("the last backup is not known: %s", error)
            if over.wait(BACKUPS_EVERY_S):
                return

    thread = threading.Thread(target=look, name="backups", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _prefect(settings: AutoscalerSettings) -> httpx.Client:
    auth = None
    if settings.prefect_auth:
        user, _, password = settings.prefect_auth.get_secret_value().partition(":")
        auth = httpx.BasicAuth(user, password)
    return httpx.Client(base_url=settings.prefect_url, auth=auth, timeout=10.0)


@contextmanager
def _driver(settings: AutoscalerSettings, queue: PrefectQueue) -> Iterator[Driver]:
    if settings.watch_only:
        yield OthersWorkers(queue.online_workers)
        return
    if settings.group is None:
        with WorkerProcesses(
            settings.worker_command(),
            environment={"PREFECT_API_URL": settings.prefect_url},
            drain_s=settings.drain_s,
            log=settings.log,
            folder=settings.memory,
        ) as workers:
            yield workers
        return
    try:
        import boto3

        from infra.autoscaler.drivers.auto_scaling_group import AutoScalingGroup
    except ImportError as error:
        raise MissingDependency(
            f"scaling EC2 needs {error.name}: pip install 'avatar-orchestrator[infra]'"
        ) from error
    client = boto3.client("autoscaling", region_name=settings.region)
    yield AutoScalingGroup(client, settings.group, queue.busy_workers, settings.hook)
