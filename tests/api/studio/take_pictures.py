"""The pictures of the studio in docs/, taken anew: `make studio-pictures`.

The whole stack makes a video of the astronaut, as a person at the page would ask for it.
"""

import tempfile
from pathlib import Path

from playwright.sync_api import Browser
from skimage import data, io

from tests.api.running import Api
from tests.api.studio.conftest import chromium, opening, whole_stack
from tests.api.studio.page import Studio

DOCS = Path(__file__).resolve().parents[3] / "docs"
SCRIPT = (
    "Welcome to the team! In this short video I show you where to find what you need "
    "in your first week."
)
DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}


def main() -> None:
    with tempfile.TemporaryDirectory() as name, chromium() as browser:
        folder = Path(name)
        portrait = folder / "astronaut.png"
        io.imsave(portrait, data.astronaut())  # type: ignore[no-untyped-call]
        with whole_stack(folder) as api:
            _on_a_desktop(browser, api, portrait)
            _in_the_dark(browser, api, portrait)
            _on_a_phone(browser, api, portrait)


def _on_a_desktop(browser: Browser, api: Api, portrait: Path) -> None:
    with opening(browser, api) as open_studio:
        studio = open_studio(viewport=DESKTOP)
        _fill(studio, portrait)
        _take(studio, "desktop")
        _make(studio)
        studio.page.set_viewport_size({"width": 1440, "height": 1200})
        studio.page.evaluate("scrollTo(0, 0)")
        _take(studio, "done")


def _in_the_dark(browser: Browser, api: Api, portrait: Path) -> None:
    """The same caller, so that the history below is not empty."""
    with opening(browser, api) as open_studio:
        studio = open_studio(viewport={"width": 1440, "height": 1240}, color_scheme="dark")
        _fill(studio, portrait)
        studio.page.get_by_role("radio", name="Wide").check()
        studio.page.get_by_role("radio", name="In picture").check()
        studio.page.evaluate("document.querySelector('#look').scrollIntoView()")
        _take(studio, "dark")


def _on_a_phone(browser: Browser, api: Api, portrait: Path) -> None:
    with opening(browser, api) as open_studio:
        studio = open_studio(
            "phone", viewport=PHONE, has_touch=True, is_mobile=True, device_scale_factor=2
        )
        _fill(studio, portrait)
        _make(studio)
        studio.page.evaluate("document.querySelector('#panel').scrollIntoView()")
        _take(studio, "phone")


def _fill(studio: Studio, portrait: Path) -> None:
    studio.give_portrait(portrait)
    studio.type_script(SCRIPT)
    studio.expect_quote()
    studio.page.locator("h1").click()  # no field has the focus


def _make(studio: Studio) -> None:
    """Played for two seconds, then held."""
    studio.press_render()
    studio.expect_state("done")
    studio.page.evaluate("document.querySelector('#video').play()")
    studio.expect_playing(past_s=2)
    studio.page.evaluate("document.querySelector('#video').pause()")


def _take(studio: Studio, name: str) -> None:
    studio.page.wait_for_timeout(500)  # what moves has come to rest
    studio.page.screenshot(path=DOCS / f"studio-{name}.png")


if __name__ == "__main__":
    main()
