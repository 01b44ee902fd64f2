"""A bucket on moto's server, a real socket, and a proxy in front of it that fails on demand."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from models.stores.s3 import Place, S3Store, connect
from tests.models.stores.proxy import FaultyProxy, faulty_proxy

BUCKET = "videos"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@pytest.fixture(scope="session")
def s3_port() -> Iterator[int]:
    """Of a server that speaks S3."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    yield int(server.get_host_and_port()[1])
    server.stop()


@pytest.fixture
def proxy(s3_port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyProxy]:
    """AWS's settings lead to it; the bucket is empty."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with faulty_proxy(s3_port) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxy.url)
        empty_bucket(f"http://127.0.0.1:{s3_port}")
        yield proxy


def empty_bucket(url: str) -> None:
    client = boto3.client("s3", endpoint_url=url)
    client.create_bucket(Bucket=BUCKET)
    for one in client.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        client.delete_object(Bucket=BUCKET, Key=one["Key"])
    client.close()


@pytest.fixture
def store(proxy: FaultyProxy, tmp_path: Path) -> Iterator[S3Store]:
    """One machine's view of the bucket."""
    with machine(tmp_path / "one") as store:
        yield store


class machine:
    """Another machine's view: its own copies. It gives up soon."""

    def __init__(self, cache: Path, bucket: str = BUCKET, **options: Any) -> None:  # noqa: ANN401
        more = "".join(f"&{name}={value}" for name, value in options.items())
        place = Place.parse(f"s3://{bucket}/here?cache={cache}{more}")
        self._store = S3Store(place, connect(read_s=1.0, attempts=3))

    def __enter__(self) -> S3Store:
        return self._store

    def __exit__(self, *_: object) -> None:
        self._store.client.close()
