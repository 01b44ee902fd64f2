"""The form: files by drop and paste, renderers and backgrounds, and an old video's order in it."""

import base64
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.api.running import Api
from tests.api.studio import by_hand
from tests.api.studio.conftest import Open, client_of

GIVE = """([name, kind, content, target]) => {
  const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
  const files = new DataTransfer();
  files.items.add(new File([bytes], 'given', { type: kind }));
  const event = name === 'paste'
    ? new ClipboardEvent(name, { clipboardData: files, bubbles: true, cancelable: true })
    : new DragEvent(name, { dataTransfer: files, bubbles: true, cancelable: true });
  document.querySelector(target).dispatchEvent(event);
}"""


def give(page: Page, event: str, path: Path, target: str, kind: str = "image/png") -> None:
    content = base64.b64encode(path.read_bytes()).decode()
    page.evaluate(GIVE, [event, kind, content, target])


def test_portrait_is_dropped_anywhere_or_pasted(open_studio: Open, portrait: Path) -> None:
    for event, target in (("drop", "#portrait"), ("drop", "h1"), ("paste", "body")):
        studio = open_studio("hands")
        give(studio.page, event, portrait, target)
        studio.expect_faces(1)


def test_background_picture_that_is_dropped_on_the_look_is_used(
    open_studio: Open, portrait: Path
) -> None:
    page = open_studio("hands").page
    give(page, "drop", portrait, "#look")
    expect(page.get_by_role("radio", name="Picture", exact=True)).to_be_checked()
    expect(page.locator("#backdrop-name")).to_have_text("given")


def test_renderers_are_those_of_the_server_with_their_licence(api: Api, open_studio: Open) -> None:
    there = client_of(api, "ann").get("/v1/renderers").json()["data"]
    page = open_studio().page
    page.get_by_text("Size, frame rate, renderer, label").click()
    options = page.get_by_label("Renderer").locator("option")
    expect(options).to_have_count(1 + len(there))
    page.get_by_label("Renderer").select_option("mesh")
    (mesh,) = (one for one in there if one["name"] == "mesh")
    expect(page.locator("#renderer-hint")).to_contain_text(f"licence {mesh['licence']}")


def test_label_keeps_clear_of_captions_that_are_drawn(open_studio: Open) -> None:
    page = open_studio().page
    page.get_by_text("Size, frame rate, renderer, label").click()
    page.get_by_label("Label").fill("AI-generated")
    place = page.get_by_label("Its place")
    place.select_option("bottom-right")
    page.get_by_role("radio", name="In picture").check()
    expect(place).to_have_value("top-right")
    expect(place.locator("option[disabled]")).to_have_text(["Bottom left", "Bottom right"])
    page.get_by_role("radio", name="Switchable").check()
    expect(place.locator("option[disabled]")).to_have_count(0)


def test_video_is_made_again_with_changes_after_a_reload(
    api: Api, open_studio: Open, portrait: Path
) -> None:
    client = client_of(api, "editor")
    look = {
        "aspect": "9:16",
        "captions": "burned",
        "background": {"kind": "colour", "colour": "#336699"},
        "label": {"text": "AI-generated", "position": "top-right"},
        "head_motion": 0.5,
        "resolution": 720,
        "fps": "30",
    }
    by_hand.done(api, by_hand.ask(client, portrait.read_bytes(), look=look, renderer="mesh"))
    studio = open_studio("editor")
    page = studio.page
    page.get_by_role("button", name="Make again with changes").click()
    expect(page.locator("#script")).to_have_value(by_hand.SAID)
    expect(page.locator("#portrait-findings")).to_contain_text("One face found.")
    studio.type_script("Welcome back.")
    studio.press_render()
    studio.expect_state("making")
    again, first = (one["request"] for one in client.get("/v1/videos").json()["data"])
    assert again["speech"]["script"] == "Welcome back."
    for name in ("look", "renderer"):
        assert again[name] == first[name]
    assert again["portrait"]["upload"] == first["portrait"]["upload"]


def test_script_that_was_written_for_a_topic_can_be_changed(
    api: Api, open_studio: Open, portrait: Path
) -> None:
    speech = {"type": "topic", "topic": "A new colleague", "duration_s": 45, "tone": "calm"}
    client = client_of(api, "writer")
    by_hand.done(api, by_hand.ask(client, portrait.read_bytes(), speech=speech))
    studio = open_studio("writer")
    page = studio.page
    page.get_by_role("button", name="Play").click()
    studio.expect_state("done")
    page.get_by_text("What is said", exact=True).click()
    expect(page.locator("#spoken")).to_have_text(by_hand.SAID)
    page.get_by_role("button", name="Change these words").click()
    studio.expect_state("idle")
    expect(page.get_by_role("radio", name="Script")).to_be_checked()
    expect(page.locator("#script")).to_have_value(by_hand.SAID)


def test_starting_anew_empties_the_form(api: Api, open_studio: Open, portrait: Path) -> None:
    client = client_of(api, "fresh")
    by_hand.done(api, by_hand.ask(client, portrait.read_bytes(), look={"aspect": "16:9"}))
    studio = open_studio("fresh")
    page = studio.page
    page.get_by_role("button", name="Make again with changes").click()
    expect(page.get_by_role("radio", name="Wide")).to_be_checked()
    page.get_by_role("button", name="Play").click()
    studio.expect_state("done")
    page.get_by_role("button", name="Start anew").click()
    expect(page.locator("#script")).to_have_value("")
    expect(page.get_by_role("radio", name="Square")).to_be_checked()
    expect(page.locator("#portrait-chosen")).to_be_hidden()


def test_delete_asks_first_and_the_dialog_can_be_left(
    api: Api, open_studio: Open, portrait: Path
) -> None:
    client = client_of(api, "tidy")
    by_hand.done(api, by_hand.ask(client, portrait.read_bytes()))
    page = open_studio("tidy").page
    page.get_by_role("button", name="Delete").click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert len(client.get("/v1/videos").json()["data"]) == 1
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator("#history-empty")).to_be_visible()
    assert client.get("/v1/videos").json()["data"] == []
