"""The store in a bucket, through a real socket."""

import os
from pathlib import Path

import pytest

from models.errors import InvalidRequest, MissingFile, StoreUnusable
from models.storage import LocalStore, store_at
from models.stores.s3 import PART_BYTES, Place, S3Store
from tests.models.stores.conftest import BUCKET, machine
from tests.models.stores.proxy import FaultyProxy


def written(path: Path, content: bytes | str) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_what_one_machine_puts_another_reads(store: S3Store, tmp_path: Path) -> None:
    assert not store.exists("speech/ab12.wav")
    store.put(written(tmp_path / "a", "sound"), "speech/ab12.wav")
    assert store.exists("speech/ab12.wav")
    with machine(tmp_path / "two") as other:
        read = other.path("speech/ab12.wav")
        assert (read.read_text(), read.name) == ("sound", "ab12.wav")
        assert read.is_relative_to(tmp_path / "two")


def test_a_large_file_goes_and_comes_in_parts(
    store: S3Store, proxy: FaultyProxy, tmp_path: Path
) -> None:
    content = os.urandom(2 * PART_BYTES + 5)
    store.put(written(tmp_path / "a", content), "clips/1.mp4")
    assert proxy.count("PUT", "partNumber=") == 3
    with machine(tmp_path / "two") as other:
        assert other.path("clips/1.mp4").read_bytes() == content
    assert proxy.count("GET", "clips/1.mp4") == 3


def test_a_file_is_downloaded_once_and_what_was_put_never(
    store: S3Store, proxy: FaultyProxy, tmp_path: Path
) -> None:
    store.put(written(tmp_path / "a", "sound"), "a.wav")
    store.path("a.wav")
    assert proxy.count("GET", "a.wav") == 0
    for _ in range(3):
        with machine(tmp_path / "two") as other:
            assert other.path("a.wav").read_text() == "sound"
    assert proxy.count("GET", "a.wav") == 1


def test_what_was_seen_a_moment_ago_is_not_asked_for_again(
    store: S3Store, proxy: FaultyProxy, tmp_path: Path
) -> None:
    assert not store.exists("a.wav")
    store.put(written(tmp_path / "a", "sound"), "a.wav")
    asked = proxy.count("HEAD")
    assert [store.exists("a.wav") for _ in range(5)] == [True] * 5
    assert proxy.count("HEAD") == asked


def test_a_file_that_changed_is_another_copy(store: S3Store, tmp_path: Path) -> None:
    store.put(written(tmp_path / "a", "first"), "videos/1/result.json")
    with machine(tmp_path / "two") as other:
        old = other.path("videos/1/result.json")
    store.put(written(tmp_path / "a", "other"), "videos/1/result.json")
    with machine(tmp_path / "two") as other:
        assert other.path("videos/1/result.json").read_text() == "other"
    assert old.read_text() == "first"


def test_a_missing_file_is_said_by_its_key(store: S3Store) -> None:
    with pytest.raises(MissingFile, match=r"clips/1\.mp4 is no longer in s3://videos/here"):
        store.path("clips/1.mp4")


def test_what_is_deleted_is_gone_also_twice(store: S3Store, tmp_path: Path) -> None:
    store.put(written(tmp_path / "a", "sound"), "a.wav")
    store.delete("a.wav")
    store.delete("a.wav")
    assert not store.exists("a.wav")


def test_what_is_kept_is_listed_by_key_and_not_its_neighbours(
    store: S3Store, tmp_path: Path
) -> None:
    source = written(tmp_path / "a", "sound")
    for key in ("uploads/b.png", "uploads/a/deep.png", "uploads-2/c.png"):
        store.put(source, key)
    store.client.put_object(Bucket=BUCKET, Key="heres-another/x", Body=b"")
    found = list(store.entries("uploads/"))
    assert [entry.key for entry in found] == ["uploads/a/deep.png", "uploads/b.png"]
    assert {entry.size for entry in found} == {5}
    assert found[0].modified.tzinfo is not None
    assert len(list(store.entries())) == 3


def test_more_than_a_page_is_listed(store: S3Store, proxy: FaultyProxy, tmp_path: Path) -> None:
    for number in range(5):
        store.put(written(tmp_path / "a", str(number)), f"uploads/{number}")
    store.client.meta.events.register(
        "provide-client-params.s3.ListObjectsV2", lambda params, **_: params | {"MaxKeys": 2}
    )
    before = proxy.count("GET", "list-type=2")
    assert len(list(store.entries())) == 5
    assert proxy.count("GET", "list-type=2") - before == 3


@pytest.mark.parametrize("key", ["../a", "/etc/passwd", "a/../../b", "", "A"])
def test_a_key_cannot_leave_the_store(store: S3Store, key: str) -> None:
    for call in (store.exists, store.path, store.delete):
        with pytest.raises(ValueError, match="no storage key"):
            call(key)


def test_a_file_that_others_stored_is_read_by_its_length(store: S3Store) -> None:
    store.client.put_object(Bucket=BUCKET, Key="here/uploads/a.png", Body=b"picture")
    assert store.path("uploads/a.png").read_bytes() == b"picture"


def test_files_are_encrypted_as_the_place_says(proxy: FaultyProxy, tmp_path: Path) -> None:
    with machine(tmp_path / "one", sse="aws:kms", kms_key="alias/videos") as store:
        store.put(written(tmp_path / "a", "sound"), "a.mp4")
        found = store.client.head_object(Bucket=BUCKET, Key="here/a.mp4")
    assert (found["ServerSideEncryption"], found["ContentType"]) == ("aws:kms", "video/mp4")
    assert found["SSEKMSKeyId"] == "alias/videos"


def test_a_bucket_that_is_not_there_is_named(proxy: FaultyProxy, tmp_path: Path) -> None:
    source = written(tmp_path / "a", "sound")
    with machine(tmp_path / "one", bucket="nowhere") as store:
        with pytest.raises(StoreUnusable, match=r"s3://nowhere/here.*NoSuchBucket.*create"):
            store.exists("a.wav")
        with pytest.raises(StoreUnusable, match="NoSuchBucket"):
            store.put(source, "a.wav")


def test_a_work_folder_is_on_this_machine_and_goes(store: S3Store, tmp_path: Path) -> None:
    with store.work_folder() as folder:
        assert folder.is_relative_to(tmp_path / "one")
        written(folder / "half", "a frame")
    assert not folder.exists()


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("s3://", "names no bucket"),
        ("https://bucket/prefix", "names no bucket"),
        ("s3://bucket?sees=AES256", "option 'sees'"),
        ("s3://bucket?cache_gb=much", "cache_gb is 'much'"),
    ],
)
def test_a_place_that_cannot_be_is_said(url: str, told: str) -> None:
    with pytest.raises(InvalidRequest, match=told):
        store_at(url)


def test_a_place_is_read_from_one_line() -> None:
    place = Place.parse("s3://b/p/q/?sse=AES256&cache=/c&cache_gb=1.5")
    assert (place.bucket, place.prefix, place.sse) == ("b", "p/q", "AES256")
    assert (place.cache, place.cache_bytes, str(place)) == (
        Path("/c"),
        1_500_000_000,
        "s3://b/p/q",
    )


def test_the_place_says_which_store(proxy: FaultyProxy, tmp_path: Path) -> None:
    assert isinstance(store_at(str(tmp_path)), LocalStore)
    store = store_at(f"s3://{BUCKET}?cache={tmp_path}")
    assert isinstance(store, S3Store)
    store.put(written(tmp_path / "a", "sound"), "a.wav")
    assert store.client.head_object(Bucket=BUCKET, Key="a.wav")["ContentLength"] == 5
    store.client.close()
