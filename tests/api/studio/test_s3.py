"""Where finished files lie in S3: another origin, which the page's policy has to let in."""

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from playwright.sync_api import Browser, expect

from tests.api.conftest import settings_for
from tests.api.running import Api, gateway
from tests.api.studio import by_hand
from tests.api.studio.conftest import client_of, opening
from tests.models.stores.conftest import BUCKET, CREDENTIALS, s3_port

__all__ = ["s3_port"]


@pytest.fixture
def api(
    browser: Browser, s3_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Api]:
    url = f"http://127.0.0.1:{s3_port}"
    for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL_S3": url}.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    client.create_bucket(Bucket=BUCKET)
    client.close()
    place = f"s3://{BUCKET}/studio?cache={tmp_path / 'cache'}"
    with gateway(settings_for(f"sqlite+aiosqlite:///{tmp_path}/g.db", place)) as running:
        yield running


def test_thumbnail_video_captions_and_download_work(
    browser: Browser, api: Api, portrait_file: Path, s3_port: int
) -> None:
    video = by_hand.ask(client_of(api, "ann"), portrait_file.read_bytes())
    by_hand.done(api, video)
    with opening(browser, api) as open_studio:
        studio = open_studio()
        page = studio.page
        thumbnail = page.locator(".film img")
        expect(thumbnail).to_be_visible()
        studio.until("document.querySelector('.film img').naturalWidth === 128")
        page.get_by_role("button", name="Play").click()
        studio.expect_state("done")
        source = str(page.locator("#video").get_attribute("src"))
        assert source.startswith(f"http://127.0.0.1:{s3_port}/")
        page.evaluate("document.querySelector('#video').play()")
        studio.expect_playing()
        studio.until("document.querySelector('#video').textTracks[0].cues?.length === 2")
        with page.expect_download() as download:
            page.get_by_role("link", name="Download the video").click()
        assert Path(download.value.path()).read_bytes() == by_hand.files()["video.mp4"]
        assert download.value.suggested_filename == f"{video}-video.mp4"
        with page.expect_download() as captions:
            page.locator("#links").get_by_role("link", name="Captions, SRT").click()
        assert b"Welcome to the team." in Path(captions.value.path()).read_bytes()
        assert page.url.startswith(api.url)
