"""A video whose store is a bucket behind a bad line: it arrives whole, or fails with the reason."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.avatar_video import avatar_video
from models.contracts import VideoRequest
from models.errors import ServiceUnavailable, StoreUnusable
from models.storage import file_sha256, store_at
from models.stores.s3 import S3Store
from tasks.progress import listening
from tasks.settings import settings
from tests.models.stores.conftest import BUCKET, proxy, s3_port
from tests.models.stores.proxy import Fault, FaultyProxy
from tests.prefect_here import portrait_file, prefect_server

__all__ = ["portrait_file", "prefect_server", "proxy", "s3_port"]


@pytest.fixture
def bucket(
    prefect_server: None,
    face_models: Path,
    proxy: FaultyProxy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[str]:
    """The store that the tasks use, with nothing in it."""
    url = f"s3://{BUCKET}/{tmp_path.name.lower()}?cache={tmp_path / 'cache'}"
    monkeypatch.setenv("AVATAR_STORE", url)
    settings.cache_clear()
    yield url
    settings.cache_clear()


def request(portrait: Path, output: Path, words: str) -> VideoRequest:
    return VideoRequest.model_validate(
        {
            "portrait": {"image": str(portrait)},
            "speech": {"script": words},
            "look": {"resolution": 256, "fps": "24"},
            "delivery": {"output": str(output)},
        }
    )


def kept(url: str) -> S3Store:
    """The bucket as a machine with an empty disk sees it."""
    store = store_at(url.replace("/cache", "/other"))
    assert isinstance(store, S3Store)
    return store


def all_read_whole(store: S3Store) -> int:
    """How many files there are: each is checked by the hash that it carries."""
    keys = [entry.key for entry in store.entries()]
    for key in keys:
        store.path(key)
    return len(keys)


def test_a_video_arrives_through_a_line_that_fails_now_and_then(
    bucket: str, proxy: FaultyProxy, portrait_file: Path, tmp_path: Path
) -> None:
    proxy.faults = [
        Fault("PUT", "speech/", status=503),
        Fault("PUT", "speech/", reset=True),
        Fault("HEAD", ".mp4", status=500),
        Fault("PUT", "portraits/", wait_s=1.0),
        Fault("PUT", status=500),
        Fault("PUT", reset=True),
    ]
    result = avatar_video(request(portrait_file, tmp_path / "v.mp4", "Papa may buy a blue map."))
    assert result.quality.passed
    assert file_sha256(Path(result.video)) == outputs(Path(result.manifest))[".mp4"]
    proxy.faults = [Fault("GET", cut=True), Fault("GET", status=503), Fault("GET", reset=True)]
    assert all_read_whole(kept(bucket)) >= 5
    assert proxy.faults == []


def outputs(manifest: Path) -> dict[str, str]:
    found: dict[str, str] = json.loads(manifest.read_text())["outputs"]
    return found


def test_a_line_that_is_down_fails_the_run_with_the_reason_and_leaves_nothing_half(
    bucket: str, proxy: FaultyProxy, portrait_file: Path, tmp_path: Path
) -> None:
    order = request(portrait_file, tmp_path / "v.mp4", "Papa may buy a red map.")
    proxy.always = Fault("PUT", ".mp4", status=503)
    with pytest.raises(ServiceUnavailable, match="not served now"):
        avatar_video(order)
    proxy.always = None
    assert not list(tmp_path.glob("v*"))
    store = kept(bucket)
    assert not [entry.key for entry in store.entries() if entry.key.endswith(".mp4")]
    assert not store.client.list_multipart_uploads(Bucket=BUCKET).get("Uploads")
    all_read_whole(store)
    heard: set[str] = set()
    with listening(lambda stage, done, total: heard.add(stage)):
        assert avatar_video(order).quality.passed
    assert "Rendering" in heard
    assert not list((tmp_path / "cache" / ".work").iterdir())


def test_a_bucket_that_refuses_us_is_said_before_anything_is_made(
    bucket: str, proxy: FaultyProxy, portrait_file: Path, tmp_path: Path
) -> None:
    proxy.always = Fault("", status=403)
    with pytest.raises(StoreUnusable, match=r"AccessDenied|403"):
        avatar_video(request(portrait_file, tmp_path / "v.mp4", "Papa may buy a map."))
    assert not list(tmp_path.glob("v*"))
