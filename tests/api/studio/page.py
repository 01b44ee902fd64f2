"""The studio as a person uses it."""

import time
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

PREFLIGHT_MS, VIDEO_MS = 60_000, 120_000
SERIOUS = ("serious", "critical")


class Studio:
    def __init__(self, page: Page) -> None:
        self.page = page

    def give_portrait(self, path: Path, faces: int = 1) -> None:
        self.page.set_input_files("#portrait-file", path)
        self.expect_faces(faces)

    def expect_faces(self, count: int) -> None:
        expect(self.page.get_by_role("radio", name="Face")).to_have_count(
            count, timeout=PREFLIGHT_MS
        )

    def type_script(self, text: str) -> None:
        self.page.get_by_label("What should be said").fill(text)

    def expect_quote(self) -> None:
        expect(self.page.locator("#quote-length")).to_contain_text("s", timeout=PREFLIGHT_MS)

    def press_render(self) -> None:
        self.page.get_by_role("button", name="Make the video").click()

    def expect_state(self, state: str) -> None:
        expect(self.page.locator("#panel")).to_have_attribute("data-state", state, timeout=VIDEO_MS)

    def expect_playing(self, past_s: float = 0.3) -> None:
        """The picture moves on: it is decoded, and time passes in it."""
        self.until(f"document.querySelector('#video').currentTime > {past_s}")
        assert self.video("videoWidth") > 0

    def until(self, expression: str) -> None:
        """It is true of the page. Playwright's own way evaluates text in it, which it forbids."""
        end = time.monotonic() + VIDEO_MS / 1000
        while not self.page.evaluate(expression):
            assert time.monotonic() < end, expression
            self.page.wait_for_timeout(50)

    def video(self, name: str) -> float:
        return float(self.page.evaluate(f"document.querySelector('#video').{name}"))

    def violations(self) -> list[Any]:
        """What axe-core finds serious or critical: rule and places."""
        found = Axe().run(self.page).response["violations"]
        return [
            (one["id"], [node["target"] for node in one["nodes"]])
            for one in found
            if one["impact"] in SERIOUS
        ]

    def is_wider_than_the_window(self) -> bool:
        return bool(self.page.evaluate("document.documentElement.scrollWidth > innerWidth"))

    def small_targets(self) -> list[str]:
        """What can be touched and is less than 44 px high."""
        found: list[str] = self.page.evaluate(
            """() => [...document.querySelectorAll(
                 'button, a, select, textarea, label.button, .drop-label, .segmented span')]
               .filter((one) => !one.matches('.skip') && one.checkVisibility())
               .filter((one) => one.getBoundingClientRect().height < 43.9)
               .map((one) => one.outerHTML.slice(0, 80))"""
        )
        return found

    def tab_to(self, selector: str, presses: int = 60) -> None:
        """By the keyboard alone."""
        for _ in range(presses):
            if self.page.evaluate(
                "(wanted) => Boolean(document.activeElement?.matches(wanted))", selector
            ):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"the Tab key does not lead to {selector}")

    def tab_stops(self, until: str) -> list[str]:
        """The names, or else the ids, of what the Tab key leads to."""
        found: list[str] = []
        while not found or found[-1] != until:
            assert len(found) < 80, found
            self.page.keyboard.press("Tab")
            focused = "document.activeElement.name || document.activeElement.id"
            found.append(self.page.evaluate(focused))
        return found

    def nameless(self) -> list[str]:
        """Controls that a screen reader could not name, as Chromium computes names."""
        tree = self.page.locator("body").aria_snapshot()
        controls = ("button", "textbox", "combobox", "slider", "radio", "checkbox", "link")
        lines = [line.strip().removeprefix("- ") for line in tree.splitlines()]
        return [line for line in lines if line.rstrip(":") in controls]
