"""What the studio says where something is missing or wrong, and what the page may load."""

import io
import wave
from pathlib import Path

from playwright.sync_api import expect

from tests.api.running import Api
from tests.api.studio.conftest import Open


def test_what_is_missing_is_said_beside_its_field(open_studio: Open) -> None:
    studio = open_studio()
    studio.press_render()
    expect(studio.page.locator("#portrait-error")).to_have_text(
        "Choose a picture of who is to speak."
    )
    expect(studio.page.locator("#script-error")).to_have_text("Type what should be said.")
    assert studio.page.evaluate("document.activeElement.id") == "portrait-file"
    assert studio.violations() == []


def test_file_that_is_no_picture_is_refused_in_words(open_studio: Open, tmp_path: Path) -> None:
    letter = tmp_path / "letter.png"
    letter.write_text("dear sir")
    studio = open_studio(expected="415")
    studio.page.set_input_files("#portrait-file", letter)
    error = studio.page.locator("#portrait-error")
    expect(error).to_contain_text("The file is no picture and no recording")
    expect(error).to_contain_text("send JPEG, PNG, WebP or HEIC")


def test_wrong_key_is_told_and_not_kept(open_studio: Open) -> None:
    studio = open_studio(owner=None, expected="401")
    studio.page.locator("#key").fill("av_live_wrong")
    studio.page.get_by_role("button", name="Use this key").click()
    expect(studio.page.locator("#key-error")).to_contain_text("does not know this key")
    assert studio.violations() == []
    assert studio.page.evaluate("sessionStorage.length + localStorage.length") == 0


def test_text_of_a_script_is_never_markup(open_studio: Open) -> None:
    studio = open_studio()
    studio.type_script("<img src=x onerror=alert(1)>")
    studio.expect_quote()
    assert studio.page.locator("img[src=x]").count() == 0


def test_page_loads_nothing_but_its_own_files(api: Api) -> None:
    reply = api.http.get("/")
    policy = reply.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "style=" not in reply.text
    assert "<script>" not in reply.text
    assert "http://" not in reply.text.replace("http://www.w3.org", "")
    assert "https://" not in reply.text


def test_recorded_samples_become_a_wav(open_studio: Open) -> None:
    samples = open_studio().page.evaluate(
        """async () => {
             const { wav } = await import('/static/recorder.js');
             const blocks = [new Float32Array([0, 1, -1]), new Float32Array([2, 0.5])];
             return [...new Uint8Array(wav(blocks, 5, 48000))];
           }"""
    )
    with wave.open(io.BytesIO(bytes(samples))) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 48_000)
        values = file.readframes(5)
    numbers = [int.from_bytes(values[at : at + 2], "little", signed=True) for at in range(0, 10, 2)]
    assert numbers == [0, 32_767, -32_767, 32_767, 16_384]
