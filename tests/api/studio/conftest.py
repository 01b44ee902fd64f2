"""The page in Debian's Chromium, before a gateway alone or before the whole stack."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import httpx
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from skimage import data, io

from tests.api.conftest import settings_for
from tests.api.running import Api, gateway
from tests.api.studio import by_hand
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

BUSY = "503 (Service Unavailable)"  # Prefect away, or on SQLite at times: the page asks again
FACE = (178.0, 38.0, 272.0, 176.0)  # of the astronaut

Open = Callable[..., Studio]


@contextmanager
def chromium() -> Iterator[Browser]:
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("the studio is driven in Debian's package chromium")
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=program, headless=True, args=FLAGS)
        yield made
        made.close()


@contextmanager
def whole_stack(folder: Path) -> Iterator[Api]:
    """A gateway before Prefect and its workers as `avatar up` starts them; no key of Mistral's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MISTRAL_API_KEY", raising=False)
        with running(folder) as stack:
            url = f"sqlite+aiosqlite:///{folder}/studio.db"  # gateway.db is the stack's own
            with gateway(settings_for(url, stack.store, prefect_url=stack.api)) as api:
                yield api


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A module's: while it is open Playwright's event loop runs in this thread."""
    with chromium() as made:
        yield made


@pytest.fixture(scope="module")
def stack_api(
    browser: Browser, face_models: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    with whole_stack(tmp_path_factory.mktemp("studio")) as api:
        yield api


@pytest.fixture(scope="module")
def api(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A gateway alone: Prefect is away, the test itself moves videos on."""
    folder = tmp_path_factory.mktemp("studio")
    with gateway(settings_for(f"sqlite+aiosqlite:///{folder}/gateway.db", folder / "s")) as running:
        yield running


@pytest.fixture
def open_stack(browser: Browser, stack_api: Api) -> Iterator[Open]:
    with opening(browser, stack_api) as open_:
        yield open_


@pytest.fixture
def open_studio(browser: Browser, api: Api) -> Iterator[Open]:
    with opening(browser, api) as open_:
        yield open_


@contextmanager
def opening(browser: Browser, api: Api) -> Iterator[Open]:
    """Opens the page; whatever it complains of in the console fails the test."""
    complaints: list[str] = []
    contexts = []

    def open_(
        owner: str | None = "ann",
        expected: str = "",
        rate: Mapping[str, object] = MappingProxyType({}),
        **options: object,
    ) -> Studio:
        context = browser.new_context(**{"viewport": {"width": 1440, "height": 960}, **options})  # type: ignore[arg-type]
        contexts.append(context)
        if owner is not None:
            allow(context, key_of(api, owner, **rate))
        page = context.new_page()
        page.set_default_timeout(20_000)
        _listen(page, complaints, expected)
        page.goto(api.url)
        return Studio(page)

    yield open_
    for context in contexts:
        context.close()
    assert complaints == []


def allow(context: object, key: str) -> None:
    context.add_init_script(f"sessionStorage.setItem('avatar-key', '{key}')")  # type: ignore[attr-defined]


def key_of(api: Api, owner: str, **options: object) -> str:
    return by_hand.aside(lambda: api.key(owner, **options))


def client_of(api: Api, owner: str) -> httpx.Client:
    return api.with_token(key_of(api, owner))


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


@pytest.fixture(scope="module")
def portrait(api: Api, portrait_file: Path) -> Path:
    """A picture that was examined before."""
    by_hand.examine(api, portrait_file.read_bytes(), FACE)
    return portrait_file
