"""What the way to the bucket does to files, and what is made of it."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from models.errors import DiskFull, ServiceUnavailable, StoreUnusable
from models.stores.s3 import PART_BYTES, S3Store
from tests.models.media.limits import files_of_at_most
from tests.models.stores.conftest import BUCKET, machine
from tests.models.stores.proxy import Fault, FaultyProxy

LARGE = os.urandom(PART_BYTES + PART_BYTES // 2)
ONCE = [
    Fault("PUT", status=500),
    Fault("PUT", status=503),
    Fault("PUT", reset=True),
    Fault("PUT", wait_s=1.5),
    Fault("HEAD", status=500),
    Fault("HEAD", reset=True),
]
ON_THE_WAY_BACK = [
    Fault("GET", status=503),
    Fault("GET", reset=True),
    Fault("GET", cut=True),
    Fault("GET", garble=True),
    Fault("GET", wait_s=1.5),
    Fault("HEAD", status=503),
]


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def names(fault: Fault) -> str:
    kind = fault.status or next(n for n in ("reset", "cut", "garble", "wait_s") if vars(fault)[n])
    return f"{fault.method} {kind}"


def parts_under_way(store: S3Store) -> int:
    return len(store.client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []))


def copies(folder: Path) -> list[Path]:
    return [path for path in (folder / "files").rglob("*") if path.is_file()]


@pytest.mark.parametrize("fault", ONCE, ids=names)
def test_one_failure_does_not_stop_a_put(
    store: S3Store, proxy: FaultyProxy, tmp_path: Path, fault: Fault
) -> None:
    proxy.faults = [fault]
    store.put(written(tmp_path / "a", b"sound"), "a.wav")
    assert proxy.faults == []
    with machine(tmp_path / "two") as other:
        assert other.path("a.wav").read_bytes() == b"sound"


@pytest.mark.parametrize("fault", ON_THE_WAY_BACK, ids=names)
def test_one_failure_does_not_stop_a_read(
    store: S3Store, proxy: FaultyProxy, tmp_path: Path, fault: Fault
) -> None:
    store.put(written(tmp_path / "a", b"sound"), "a.wav")
    proxy.faults = [fault]
    with machine(tmp_path / "two") as other:
        assert other.path("a.wav").read_bytes() == b"sound"
    assert proxy.faults == []
    assert len(copies(tmp_path / "two")) == 1


@pytest.mark.parametrize(
    "fault", [Fault("PUT", status=503), Fault("PUT", reset=True)], ids=["slow down", "reset"]
)
def test_an_upload_that_keeps_failing_leaves_nothing(
    store: S3Store, proxy: FaultyProxy, tmp_path: Path, fault: Fault
) -> None:
    proxy.always = fault
    with pytest.raises(ServiceUnavailable, match=r"clips/1\.mp4 of s3://videos/here"):
        store.put(written(tmp_path / "a", LARGE), "clips/1.mp4")
    proxy.always = None
    assert parts_under_way(store) == 0
    assert not store.exists("clips/1.mp4")


@pytest.mark.parametrize("fault", [Fault("GET", cut=True), Fault("GET", garble=True)], ids=names)
def test_what_always_arrives_damaged_is_never_believed(
    store: S3Store, proxy: FaultyProxy, tmp_path: Path, fault: Fault
) -> None:
    store.put(written(tmp_path / "a", b"sound"), "a.wav")
    proxy.always = fault
    with (
        machine(tmp_path / "two") as other,
        pytest.raises(ServiceUnavailable, match=r"a\.wav of s3://videos/here"),
    ):
        other.path("a.wav")
    assert copies(tmp_path / "two") == []


@pytest.mark.parametrize("call", [S3Store.exists, S3Store.path, S3Store.delete])
def test_a_refusal_says_what_to_allow(
    store: S3Store, proxy: FaultyProxy, call: Callable[[S3Store, str], object]
) -> None:
    proxy.always = Fault("", status=403)
    with pytest.raises(StoreUnusable, match="allow s3:GetObject"):
        call(store, "a.wav")


def test_without_credentials_nothing_is_sent(
    proxy: FaultyProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)  # it keeps what it has read
    with (
        machine(tmp_path / "one") as store,
        pytest.raises(StoreUnusable, match="no AWS credentials"),
    ):
        store.exists("a.wav")
    assert proxy.requests == []


def test_a_server_that_is_away_is_named(
    proxy: FaultyProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    with (
        machine(tmp_path / "one") as store,
        pytest.raises(ServiceUnavailable, match=r"cannot be reached.*AWS_ENDPOINT_URL_S3"),
    ):
        store.exists("a.wav")


def test_a_full_disk_fails_the_read_and_not_the_put(
    store: S3Store, proxy: FaultyProxy, tmp_path: Path
) -> None:
    source = written(tmp_path / "a", LARGE[:200_000])
    with files_of_at_most(100_000):
        store.put(source, "a.wav")
        with machine(tmp_path / "two") as other, pytest.raises(DiskFull, match="no room left"):
            other.path("a.wav")
    assert copies(tmp_path) == []
    assert store.path("a.wav").stat().st_size == 200_000
