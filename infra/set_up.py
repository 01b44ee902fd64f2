"""A step of the set-up: a program that makes something in Prefect and says what it did."""

import sys
from collections.abc import Callable

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.settings import get_current_settings

from models.errors import AvatarError, PrefectFailed, ServiceUnavailable

Step = Callable[[SyncPrefectClient], list[str]]


def run(step: Step) -> None:
    """Writes what was done, a line each; one of our errors ends the process with its sentence."""
    try:
        for line in _done(step):
            sys.stdout.write(f"{line}\n")
    except AvatarError as error:
        sys.exit(f"error: {error}")


def _done(step: Step) -> list[str]:
    url = get_current_settings().api.url
    if not url:
        raise PrefectFailed("PREFECT_API_URL is not set: name the Prefect server's API in it")
    try:
        with get_client(sync_client=True) as client:
            return step(client)
    except httpx.TransportError as error:
        raise ServiceUnavailable(
            f"Prefect's API at {url} does not answer ({type(error).__name__}): start it with "
            "`prefect server start`, or name another in PREFECT_API_URL"
        ) from error
