"""Every state of the page, in light and in dark, by its width, for screen readers and at rest."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.api.running import Api
from tests.api.studio import by_hand
from tests.api.studio.conftest import Open, client_of
from tests.api.studio.page import Studio

PHONE = {"width": 360, "height": 780}


class Scene:
    """One caller's page and videos."""

    def __init__(self, api: Api, owner: str, portrait: Path, open_studio: Open) -> None:
        self.api, self.client = api, client_of(api, owner)
        self.owner, self.portrait, self._open = owner, portrait, open_studio

    def open(self, **options: object) -> Studio:
        return self._open(self.owner, **options)

    def ask(self) -> str:
        return by_hand.ask(self.client, self.portrait.read_bytes())


@pytest.fixture
def scene(api: Api, portrait: Path, open_studio: Open, request: pytest.FixtureRequest) -> Scene:
    return Scene(api, request.node.name, portrait, open_studio)


def empty(scene: Scene, **options: object) -> Studio:
    studio = scene.open(**options)
    expect(studio.page.locator("#history-empty")).to_be_visible()
    return studio


def filled(scene: Scene, **options: object) -> Studio:
    studio = scene.open(**options)
    studio.give_portrait(scene.portrait)
    studio.type_script(by_hand.SAID)
    studio.page.get_by_text("Size, frame rate, renderer").click()
    studio.page.get_by_role("radio", name="Colour").check()
    studio.expect_quote()
    return studio


def waiting(scene: Scene, **options: object) -> Studio:
    scene.ask()
    studio = scene.open(**options)
    studio.expect_state("making")
    expect(studio.page.locator("#stage-words")).to_contain_text("Waiting")
    return studio


def rendering(scene: Scene, **options: object) -> Studio:
    by_hand.render(scene.api, scene.ask())
    studio = scene.open(**options)
    expect(studio.page.locator("#percent")).to_have_text("42 %")
    return studio


def done(scene: Scene, **options: object) -> Studio:
    by_hand.done(scene.api, scene.ask())
    studio = scene.open(**options)
    studio.page.get_by_role("button", name="Play").click()
    studio.expect_state("done")
    studio.page.get_by_text("What is said", exact=True).click()
    return studio


def failed(scene: Scene, **options: object) -> Studio:
    video = scene.ask()
    by_hand.fail(scene.api, video, "segment_failed", "a segment failed: try again", retryable=True)
    studio = scene.open(**options)
    studio.page.get_by_role("button", name="Show").click()
    studio.expect_state("failed")
    return studio


def incomplete(scene: Scene, **options: object) -> Studio:
    studio = scene.open(**options)
    studio.press_render()
    expect(studio.page.locator("#portrait-error")).not_to_be_empty()
    return studio


def deleting(scene: Scene, **options: object) -> Studio:
    by_hand.done(scene.api, scene.ask())
    studio = scene.open(**options)
    studio.page.get_by_role("button", name="Delete").click()
    expect(studio.page.get_by_role("dialog")).to_be_visible()
    return studio


STATES = (empty, filled, waiting, rendering, done, failed, incomplete, deleting)


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_state_is_accessible_in_both_themes_and_fits_a_phone(
    scene: Scene, state: Callable[..., Studio]
) -> None:
    studio = state(scene, viewport=PHONE, has_touch=True)
    page = studio.page
    assert studio.violations() == []
    assert not studio.is_wider_than_the_window()
    assert studio.small_targets() == []
    page.emulate_media(color_scheme="dark")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert studio.violations() == []
    page.set_viewport_size({"width": 1440, "height": 960})
    assert studio.violations() == []
    assert not studio.is_wider_than_the_window()


def test_nothing_moves_for_whoever_wants_it_still(scene: Scene) -> None:
    studio = waiting(scene, reduced_motion="reduce")
    assert studio.page.evaluate("document.getAnimations().length") == 0
    studio.page.emulate_media(reduced_motion="no-preference")
    assert studio.page.evaluate("document.getAnimations().length") >= 1


def test_tab_goes_through_the_page_as_it_is_read(scene: Scene) -> None:
    studio = filled(scene)
    studio.page.locator(".skip").focus()
    found = studio.tab_stops(until="render")
    wanted = [
        "portrait-file",
        "face",
        "source",
        "script",
        "voice",
        "rate",
        "pitch",
        "aspect",
        "background",
        "colour",
        "captions",
        "head",
        "expression",
        "resolution",
        "fps",
        "renderer",
        "render",
    ]
    assert [name for name in found if name in wanted] == wanted


def test_progress_is_told_to_screen_readers_and_in_the_title(scene: Scene) -> None:
    studio = rendering(scene)
    bar = studio.page.get_by_role("progressbar", name="Rendering")
    expect(bar).to_have_attribute("aria-valuenow", "42")
    expect(studio.page).to_have_title("42 % · Avatar Studio")
    expect(studio.page.locator("#live")).to_have_text("Rendering")
    expect(studio.page.locator("#making-note")).to_contain_text("left")


def test_place_in_the_queue_is_told(scene: Scene) -> None:
    video = scene.ask()
    by_hand.move(scene.api, video, status="queued", position=3, eta_s=95.0)
    studio = scene.open()
    expect(studio.page.locator("#stage-words")).to_have_text("3rd in the queue")
    expect(studio.page.locator("#making-note")).to_contain_text("About 1 min 3")
    by_hand.render(scene.api, video, 7)
    expect(studio.page.locator("#percent")).to_have_text("7 %")


def test_every_control_has_a_name(scene: Scene) -> None:
    studio = filled(scene)
    assert studio.nameless() == []
