"""`python -m infra.autoscaler.drain -- COMMAND…` runs one worker on an EC2 machine until its end.

It starts the worker, watches the machine's metadata, and on a spot interruption, or when the Auto
Scaling group ends the machine, tells the worker to finish its run. Meanwhile it asks the group
for more time; when the worker has ended it lets the machine go. A spot machine has two minutes at
most: what does not end in them is requeued by the pool.
"""

import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Any

import httpx
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from infra.autoscaler.instance import ADDRESS, Metadata, Notice
from models.errors import AvatarError, MissingDependency, SetupError

_log = logging.getLogger(__name__)


class DrainSettings(BaseSettings):
    """Each field is AVATAR_SCALE_NAME in the environment."""

    model_config = SettingsConfigDict(
        env_prefix="AVATAR_SCALE_", frozen=True, populate_by_name=True
    )

    group: str | None = Field(default=None, description="EC2 Auto Scaling group of the machine.")
    hook: str | None = Field(default=None, description="The group's terminating lifecycle hook.")
    region: str | None = Field(default=None, description="Region of the group.")
    watch_s: float = Field(default=2.0, gt=0, description="Seconds between two looks.")
    heartbeat_s: float = Field(default=60.0, gt=0, description="Asks for more time so often.")
    metadata: str = Field(default=ADDRESS, description="The machine's metadata service.")


class Hook:
    """The group's hook for this machine; its calls never stop a drain."""

    def __init__(self, client: Any, group: str, hook: str, instance: str) -> None:  # noqa: ANN401
        self._client = client
        self._what = {
            "AutoScalingGroupName": group,
            "LifecycleHookName": hook,
            "InstanceId": instance,
        }

    def more_time(self) -> None:
        self._call("record_lifecycle_action_heartbeat")

    def let_go(self) -> None:
        self._call("complete_lifecycle_action", LifecycleActionResult="CONTINUE")

    def _call(self, operation: str, **more: str) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            getattr(self._client, operation)(**self._what, **more)
        except (BotoCoreError, ClientError) as error:  # a spot machine may be in no such state
            _log.warning("EC2 Auto Scaling refused %s: %s", operation, error)


class Drainer:
    """Holds one worker."""

    def __init__(
        self,
        worker: "subprocess.Popen[bytes]",
        metadata: Metadata,
        hook: Hook | None,
        *,
        watch_s: float,
        heartbeat_s: float,
    ) -> None:
        self._worker, self._metadata, self._hook = worker, metadata, hook
        self._watch_s, self._heartbeat_s = watch_s, heartbeat_s
        self._told = threading.Event()

    def stop(self) -> None:
        """As the machine's own end does: the worker finishes its run."""
        if not self._told.is_set():
            self._told.set()
            self._worker.send_signal(signal.SIGTERM)

    def run(self) -> int:
        """The worker's status, once it has ended."""
        notice = self._watch()
        if notice:
            _log.info("%s: the worker finishes its run", notice.reason)
            self.stop()
        while self._wait(self._heartbeat_s) is None:
            if notice and self._hook:
                self._hook.more_time()
        if notice and self._hook:
            self._hook.let_go()
        return self._worker.returncode

    def _watch(self) -> Notice | None:
        while not self._told.is_set() and self._wait(self._watch_s) is None:
            try:
                if notice := self._metadata.notice():
                    return notice
            except AvatarError as error:
                _log.warning("not known whether the machine stays: %s", error)
        return None

    def _wait(self, seconds: float) -> int | None:
        try:
            return self._worker.wait(seconds)
        except subprocess.TimeoutExpired:
            return None


def drain(settings: DrainSettings, command: Sequence[str]) -> int:
    """Raises AvatarError."""
    with httpx.Client(base_url=settings.metadata, timeout=2.0) as client:
        metadata = Metadata(client)
        hook = _hook(settings, metadata.instance())
        drainer = Drainer(
            _started(command),
            metadata,
            hook,
            watch_s=settings.watch_s,
            heartbeat_s=settings.heartbeat_s,
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda number, frame: drainer.stop())
        return drainer.run()


def _started(command: Sequence[str]) -> "subprocess.Popen[bytes]":
    try:
        return subprocess.Popen(command, start_new_session=True)
    except OSError as error:
        raise SetupError(
            f"worker {' '.join(command)!r} does not start ({error}): correct the command"
        ) from error


def _hook(settings: DrainSettings, instance: str) -> Hook | None:
    if settings.group is None or settings.hook is None:
        return None
    try:
        import boto3
    except ImportError as error:
        raise MissingDependency(
            f"EC2 needs {error.name}: pip install 'avatar-orchestrator[infra]'"
        ) from error
    client = boto3.client("autoscaling", region_name=settings.region)
    return Hook(client, settings.group, settings.hook, instance)


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    command = [word for word in sys.argv[1:] if word != "--"]
    if not command:
        sys.exit("error: no worker: write python -m infra.autoscaler.drain -- COMMAND")
    try:
        status = drain(DrainSettings(), command)
    except AvatarError as error:
        sys.exit(f"error: {error}")
    sys.exit(status)


if __name__ == "__main__":
    main()
