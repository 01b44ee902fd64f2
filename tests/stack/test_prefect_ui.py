"""Prefect's own page in headless Chromium: from the run form to the finished video.

AVATAR_SCREENSHOTS=docs keeps what it looked like.
"""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.stack.processes import FINAL, Stack, running

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WAIT_MS = 60_000
SENT_S, TRIES = 20.0, 3
SCRIPT = "Hello! I am a picture that can speak."


@pytest.fixture(scope="module")
def stack(
    face_models: Path, portrait_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    with running(tmp_path_factory.mktemp("ui")) as stack:
        portrait = stack.store / "uploads" / "astronaut.png"
        portrait.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(portrait_file, portrait)
        yield stack


@pytest.fixture
def page() -> Iterator[Page]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Prefect's page needs Debian's package chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1280, "height": 1100})
        page.set_default_timeout(WAIT_MS)
        yield page
        browser.close()


def test_a_video_is_made_from_the_form(stack: Stack, page: Page) -> None:
    deployment = stack.deployment("avatar-video/cpu")["id"]
    site = f"http://127.0.0.1:{stack.port}"
    form = f"{site}/deployments/deployment/{deployment}/run"
    check_words(page, form)
    run = next((run for run in (sent(stack, page, form) for _ in range(TRIES)) if run), None)
    assert run is not None, f"no run of the form: {shown(page)}"
    page.goto(f"{site}/runs/flow-run/{run}")
    done = stack.until(UUID(run), *FINAL)
    assert done["state_type"] == "COMPLETED", done["state"]
    badge = page.locator(".state-badge").get_by_text("Completed").first
    expect(badge).to_be_visible(timeout=WAIT_MS)  # the page follows the run by itself
    page.wait_for_timeout(2_000)  # the graph draws itself
    keep(page, "run")
    assert (stack.store / "videos" / "hello" / "video.mp4").is_file()

    chosen = {"artifacts": {"flow_run_id": {"any_": [run]}, "type": {"any_": ["markdown"]}}}
    (artifact,) = stack.client.post("/artifacts/filter", json=chosen).raise_for_status().json()
    page.goto(f"{site}/artifacts/artifact/{artifact['id']}")
    expect(page.get_by_text("lip_correlation").first).to_be_visible(timeout=WAIT_MS)
    expect(page.get_by_text("videos/hello/video.mp4").first).to_be_visible()
    keep(page, "artifact")


def fill(page: Page, label: str, value: str, variant: str | None = None) -> None:
    """The text field of that label; `variant` is chosen first where the field may be empty."""
    title = page.locator(".schema-form-property__label").get_by_text(label, exact=True)
    field = page.locator(".schema-form-property").filter(has=title).last  # the innermost
    if variant is not None:
        field.get_by_text(variant, exact=True).click()
    field.locator("textarea").first.fill(value)


def check_words(page: Page, form: str) -> None:
    page.goto(form)
    for told in ("a path, or store:KEY", "The words to say.", "0 still, 1 natural."):
        expect(page.get_by_text(told).first).to_be_visible(timeout=WAIT_MS)
    for tab in ("Script", "Recording", "Topic"):
        expect(page.get_by_role("button", name=tab, exact=True)).to_be_visible()


def sent(stack: Stack, page: Page, form: str) -> str | None:
    """The run that the form makes; none where SQLite is locked and the page says "Oops"."""
    page.goto(form)
    fill(page, "Image", "store:uploads/astronaut.png")
    fill(page, "Script", SCRIPT)
    fill(page, "Key Prefix (Optional)", "videos/hello", variant="str")
    page.get_by_text("Run Name").scroll_into_view_if_needed()
    keep(page, "form")
    page.get_by_role("button", name="Submit").click()
    until = time.monotonic() + SENT_S
    while (run := newest(stack)) is None and time.monotonic() < until:
        time.sleep(0.2)
    return run


def newest(stack: Stack) -> str | None:
    runs = stack.client.post(
        "/flow_runs/filter", json={"flows": {"name": {"any_": ["avatar-video"]}}}
    )
    found = runs.raise_for_status().json()
    return str(found[0]["id"]) if found else None


def shown(page: Page) -> str:
    """What the page says at its end, where it tells of errors."""
    return page.locator("body").inner_text()[-500:]


def keep(page: Page, name: str) -> None:
    """The whole page, where somebody wants to look at it."""
    if folder := os.environ.get("AVATAR_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"prefect-{name}.png", full_page=True)
