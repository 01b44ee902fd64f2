"""What goes wrong, in words that people understand, and the way on from there."""

import re
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, Route, expect

from tests.api.running import Api
from tests.api.studio import by_hand
from tests.api.studio.conftest import Open, client_of
from tests.api.studio.page import Studio

LOST = "net::ERR_"


def fill(studio: Studio, portrait: Path) -> Page:
    studio.give_portrait(portrait)
    studio.type_script(by_hand.SAID)
    studio.expect_quote()
    return studio.page


def test_rate_limit_counts_down_and_then_lets_you_try_again(
    open_studio: Open, portrait: Path
) -> None:
    studio = open_studio("eager", rate={"requests_per_minute": 1}, expected="429")
    page = fill(studio, portrait)  # its preflight was the minute's one request
    page.clock.install()
    studio.press_render()
    expect(page.locator("#render-error")).to_contain_text("more than this key may ask for")
    again = page.locator(".panel .retry")
    expect(again).to_have_text(re.compile(r"Try again in [4-6]\d s|Try again in 1 min"))
    expect(again).to_have_attribute("aria-disabled", "true")
    assert studio.violations() == []
    page.clock.fast_forward("01:01")
    expect(again).to_have_text("Try again")
    expect(again).not_to_have_attribute("aria-disabled", "true")


def test_budget_that_is_used_up_is_said_without_a_retry(open_studio: Open, portrait: Path) -> None:
    studio = open_studio("poor", rate={"monthly_budget": 1}, expected="402")
    page = fill(studio, portrait)
    studio.press_render()
    expect(page.locator("#render-error")).to_contain_text("budget for the month is used up")
    expect(page.locator(".retry")).to_have_count(0)


def test_lost_line_keeps_the_order_and_makes_one_video(
    api: Api, open_studio: Open, portrait: Path
) -> None:
    studio = open_studio("unplugged", expected=LOST)
    page = fill(studio, portrait)
    lost = _lose_the_answer(page)
    studio.press_render()
    expect(page.locator("#render-error")).to_contain_text("The server cannot be reached")
    assert studio.violations() == []
    page.unroute("**/v1/videos", lost)
    page.get_by_role("button", name="Try again").click()
    studio.expect_state("making")
    assert len(client_of(api, "unplugged").get("/v1/videos").json()["data"]) == 1


def _lose_the_answer(page: Page) -> Callable[[Route], None]:
    """The request arrives, its answer does not."""

    def lose(route: Route) -> None:
        if route.request.method == "POST":
            route.fetch()
        route.abort()

    page.route("**/v1/videos", lose)
    return lose


def test_video_goes_on_after_the_line_was_lost(api: Api, open_studio: Open, portrait: Path) -> None:
    client = client_of(api, "tunnel")
    video = by_hand.ask(client, portrait.read_bytes())
    by_hand.render(api, video)
    studio = open_studio("tunnel", expected=LOST)
    page = studio.page
    expect(page.locator("#percent")).to_have_text("42 %")
    page.context.set_offline(True)
    expect(page.get_by_text("You are offline.")).to_be_visible()
    assert studio.violations() == []
    by_hand.render(api, video, 61)
    page.context.set_offline(False)
    expect(page.get_by_text("You are offline.")).to_be_hidden()
    expect(page.locator("#percent")).to_have_text("61 %", timeout=20_000)


def test_lost_events_are_said_while_it_is_tried_again(
    api: Api, open_studio: Open, portrait: Path
) -> None:
    by_hand.ask(client_of(api, "cellar"), portrait.read_bytes())
    studio = open_studio("cellar", expected=LOST)
    studio.expect_state("making")
    studio.page.route("**/v1/**", lambda route: route.abort())
    studio.page.reload()
    expect(studio.page.locator("#history-error")).to_contain_text("cannot be reached")
    studio.page.unroute_all()
    studio.page.locator("#history .retry").click()
    expect(studio.page.locator(".film")).to_have_count(1)


def test_prefect_that_is_down_delays_and_loses_nothing(open_studio: Open, portrait: Path) -> None:
    studio = open_studio("patient")
    page = fill(studio, portrait)
    page.clock.install()
    studio.press_render()
    studio.expect_state("making")
    page.clock.fast_forward("01:05")
    expect(page.locator("#making-note")).to_contain_text("longer than usual to begin")
    assert studio.violations() == []
    page.get_by_role("button", name="Cancel", exact=True).click()
    expect(page.locator("#making-note")).to_have_text("Cancelling …")


def test_portrait_that_cannot_be_checked_may_be_checked_again(
    api: Api, open_studio: Open, tmp_path: Path
) -> None:
    path = tmp_path / "grey.png"
    Image.new("RGB", (300, 300), (100, 110, 120)).save(path)
    studio = open_studio("unseen", expected=LOST)
    page = studio.page
    page.route("**/v1/preflight", lambda route: route.abort())
    page.set_input_files("#portrait-file", path)
    expect(page.locator("#portrait-findings .warn")).to_contain_text("You may go on.")
    page.unroute_all()
    by_hand.examine(api, path.read_bytes(), (100, 60, 200, 200))
    page.get_by_role("button", name="Check again").click()
    studio.expect_faces(1)


def test_upload_that_broke_off_is_sent_again(open_studio: Open, portrait: Path) -> None:
    studio = open_studio("weak", expected=LOST)
    page = studio.page
    page.route("**/v1/uploads", lambda route: route.abort())
    page.set_input_files("#portrait-file", portrait)
    expect(page.locator("#portrait-error")).to_contain_text("The server cannot be reached")
    page.unroute_all()
    page.get_by_role("button", name="Try again").click()
    studio.expect_faces(1)


def test_failure_that_may_pass_is_tried_again_with_the_same_order(
    api: Api, open_studio: Open, portrait: Path
) -> None:
    client = client_of(api, "unlucky")
    video = by_hand.ask(client, portrait.read_bytes(), look={"aspect": "16:9", "resolution": 720})
    by_hand.fail(api, video, "segment_failed", "a segment failed: try again", retryable=True)
    studio = open_studio("unlucky")
    studio.page.get_by_role("button", name="Show").click()
    expect(studio.page.locator("#failure")).to_contain_text("A segment failed: try again.")
    studio.page.get_by_role("button", name="Try the same again").click()
    studio.expect_state("making")
    first, second = (one["request"] for one in client.get("/v1/videos").json()["data"])
    assert first["look"] == second["look"]
    assert first["speech"] == second["speech"]
    assert first["portrait"]["upload"] == second["portrait"]["upload"]
