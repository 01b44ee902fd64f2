"""From a portrait to a playing video, as people do it: by mouse, by finger, by keyboard."""

from pathlib import Path

from PIL import Image
from playwright.sync_api import expect

from tests.api.running import Api
from tests.api.studio.conftest import Open, key_of

SHORT = "Mama may buy a map for Papa."


def test_from_a_key_to_a_playing_video_that_is_deleted(
    open_stack: Open, stack_api: Api, portrait_file: Path
) -> None:
    secret = key_of(stack_api, "desk")
    studio = open_stack(owner=None, expected="401")
    page = studio.page
    page.locator("#key").fill(secret)
    page.get_by_role("button", name="Use this key").click()
    expect(page.locator("#voice")).to_have_value("English (America)")
    assert page.evaluate("localStorage.getItem('avatar-key')") is None
    assert studio.violations() == []

    studio.give_portrait(portrait_file)
    expect(page.locator("#portrait-findings")).to_contain_text("One face found.")
    expect(page.locator("#portrait-findings")).to_contain_text("toothy smile")
    studio.type_script(SHORT)
    studio.expect_quote()
    expect(page.locator("#quote-price")).to_contain_text("$")
    studio.press_render()
    studio.expect_state("making")
    expect(page.get_by_role("progressbar")).to_be_visible()
    studio.expect_state("done")
    assert studio.violations() == []
    page.evaluate("document.querySelector('#video').play()")
    studio.expect_playing()
    assert page.evaluate("document.querySelector('#video').textTracks[0].cues.length") >= 1
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the video").click()
    assert b"ftyp" in Path(download.value.path()).read_bytes()[:16]
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator("#history-empty")).to_be_visible()
    studio.expect_state("idle")
    assert stack_api.with_token(secret).get("/v1/videos").json()["data"] == []


def test_phone_in_the_dark(open_stack: Open, portrait_file: Path) -> None:
    phone = {"width": 360, "height": 780}
    studio = open_stack("phone", viewport=phone, color_scheme="dark", has_touch=True)
    assert studio.violations() == []
    assert not studio.is_wider_than_the_window()
    assert studio.small_targets() == []
    studio.give_portrait(portrait_file)
    studio.type_script(SHORT)
    studio.page.get_by_role("radio", name="Upright").tap()
    studio.page.get_by_text("Size, frame rate, renderer, label").tap()
    studio.page.get_by_label("Size").select_option("256")
    studio.page.get_by_role("button", name="Make the video").tap()
    studio.expect_state("done")
    studio.page.evaluate("document.querySelector('#video').play()")
    studio.expect_playing()
    assert studio.video("videoHeight") > studio.video("videoWidth")
    assert studio.violations() == []
    assert not studio.is_wider_than_the_window()
    assert studio.small_targets() == []


def test_keyboard_alone_with_the_second_of_two_faces(
    open_stack: Open, stack_api: Api, pair_file: Path
) -> None:
    studio = open_stack("keys")
    page, keyboard = studio.page, studio.page.keyboard
    page.on("filechooser", lambda chooser: chooser.set_files(pair_file))
    page.wait_for_timeout(500)  # the browser is told in the background that we open its chooser
    studio.tab_to("#portrait-file")
    keyboard.press("Enter")
    studio.expect_faces(2)
    studio.tab_to("[name=face]")
    keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="Face 2 of 2")).to_be_checked()
    studio.tab_to("#script")
    keyboard.type("Hallo, Papa.")
    studio.tab_to("#voice")
    keyboard.type("german")
    keyboard.press("Enter")
    expect(page.locator("#voice")).to_have_value("German")
    studio.tab_to("#render")
    keyboard.press("Enter")
    studio.expect_state("done")
    expect(page.get_by_role("heading", name="Your video is ready")).to_be_focused()
    studio.tab_to("#video")
    keyboard.press("Space")
    studio.expect_playing()
    video = stack_api.with_token(key_of(stack_api, "keys")).get("/v1/videos").json()["data"][0]
    assert video["request"]["portrait"]["face_index"] == 1
    assert video["request"]["speech"]["voice"] == "de"


def test_video_is_found_again_after_a_reload_and_cancelled(
    open_stack: Open, portrait_file: Path
) -> None:
    long = "Papa may buy a map for Mama.\n" * 60
    studio = open_stack("again")
    page = studio.page
    studio.give_portrait(portrait_file)
    studio.type_script(long)
    studio.press_render()
    studio.expect_state("making")
    expect(page.locator("#stage-words")).to_have_text("Rendering", timeout=60_000)
    page.reload()
    studio.expect_state("making")
    expect(page.locator("#script")).to_have_value(long.strip())
    page.get_by_role("button", name="Cancel", exact=True).click()
    expect(page.locator("#making-note")).to_have_text("Cancelling …")
    studio.expect_state("failed")
    expect(page.locator("#failure")).to_contain_text("You cancelled this video")


def test_topic_without_a_key_for_scripts_says_what_is_missing(
    open_stack: Open, portrait_file: Path
) -> None:
    studio = open_stack("topic")
    studio.give_portrait(portrait_file)
    studio.page.get_by_role("radio", name="Topic").check()
    studio.page.get_by_label("What the video is about").fill("Winter in the mountains")
    studio.press_render()
    studio.expect_state("failed")
    words = studio.page.locator("#failure")
    expect(words).to_contain_text("This server cannot write scripts")
    expect(words).to_contain_text("MISTRAL_API_KEY")


def test_picture_without_a_face_is_refused_in_words(open_stack: Open, tmp_path: Path) -> None:
    empty = tmp_path / "empty.png"
    Image.new("RGB", (600, 600), (120, 140, 160)).save(empty)
    studio = open_stack()
    studio.page.set_input_files("#portrait-file", empty)
    findings = studio.page.locator("#portrait-findings .bad")
    expect(findings).to_contain_text("No face in this file: use a frontal photo", timeout=60_000)


def test_what_the_microphone_hears_is_sent_and_checked(
    open_stack: Open, stack_api: Api, portrait_file: Path
) -> None:
    """Chromium's own microphone beeps: it is a sound, and no speech."""
    studio = open_stack("mic", permissions=["microphone"])
    studio.give_portrait(portrait_file)
    studio.page.get_by_role("radio", name="Recording").check()
    studio.page.get_by_role("button", name="Record your voice").click()
    expect(studio.page.locator("#record-time")).to_have_text("0:02", timeout=15_000)
    studio.page.get_by_role("button", name="Stop").click()
    expect(studio.page.locator("#audio-findings .busy")).to_have_count(0, timeout=60_000)
    (upload,) = (
        stack_api.with_token(key_of(stack_api, "mic")).get("/v1/uploads?kind=audio").json()["data"]
    )
    assert upload["media_type"] == "audio/wav"
    assert 1.5 < upload["duration_s"] < 10


def test_without_the_event_stream_it_asks_again(open_stack: Open, portrait_file: Path) -> None:
    studio = open_stack("cut", expected="net::ERR_FAILED")
    studio.page.route("**/events", lambda route: route.abort())
    studio.give_portrait(portrait_file)
    studio.type_script("Mama.")
    studio.press_render()
    studio.expect_state("done")
