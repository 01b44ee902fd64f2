"""The whole stack and a browser: Prefect, warm workers, the gateway, Debian's Chromium."""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from skimage import data, io

from tests.api.conftest import settings_for
from tests.api.running import Api, gateway
from tests.api.studio.page import Studio
from tests.prefect_here import portrait_file
from tests.stack.processes import running

__all__ = ["portrait_file"]

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
)

BUSY = "503 (Service Unavailable)"  # Prefect on SQLite, at times: the page asks again

Open = Callable[..., Studio]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A module's: while it is open Playwright's event loop runs in this thread."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("the studio is driven in Debian's package chromium")
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=program, headless=True, args=FLAGS)
        yield made
        made.close()


@pytest.fixture(scope="module")
def stack_api(
    browser: Browser, face_models: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    """A gateway before Prefect and its workers as `avatar up` starts them."""
    folder = tmp_path_factory.mktemp("studio")
    with running(folder) as stack:
        url = f"sqlite+aiosqlite:///{folder}/gateway.db"
        settings = settings_for(url, stack.store, prefect_url=stack.api)
        with gateway(settings) as api:
            yield api


@pytest.fixture
def open_studio(browser: Browser, stack_api: Api) -> Iterator[Open]:
    """Opens the page; whatever it complains of in the console fails the test."""
    complaints: list[str] = []
    contexts = []

    def open_(owner: str | None = "ann", expected: str = "", **options: object) -> Studio:
        context = browser.new_context(**{"viewport": {"width": 1440, "height": 960}, **options})  # type: ignore[arg-type]
        contexts.append(context)
        if owner is not None:
            key = key_of(stack_api, owner)
            context.add_init_script(f"sessionStorage.setItem('avatar-key', '{key}')")
        page = context.new_page()
        _listen(page, complaints, expected)
        page.goto(stack_api.url)
        return Studio(page)

    yield open_
    for context in contexts:
        context.close()
    assert complaints == []


def key_of(api: Api, owner: str) -> str:
    """In a thread of its own, because of Playwright's event loop in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(api.key, owner).result()


def _listen(page: Page, complaints: list[str], expected: str) -> None:
    def console(kind: str, text: str) -> None:
        known = (BUSY, expected) if expected else (BUSY,)
        if kind in ("error", "warning") and not any(one in text for one in known):
            complaints.append(text)

    page.on("console", lambda message: console(message.type, message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))


@pytest.fixture(scope="session")
def pair_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people on one picture; the right one is the smaller face."""
    astronaut = data.astronaut()  # type: ignore[no-untyped-call]
    smaller = np.full_like(astronaut, 128)
    smaller[:480, :480] = astronaut[16:496, 16:496]
    path = tmp_path_factory.mktemp("pair") / "pair.png"
    io.imsave(path, np.kron(np.hstack([astronaut, smaller]), np.ones((2, 2, 1), np.uint8)))
    return path
