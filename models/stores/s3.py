"""A store in a bucket of S3 or of what speaks its API, for machines that share no disk.

`s3://BUCKET/PREFIX?sse=aws:kms&kms_key=ARN&cache=FOLDER&cache_gb=20`: all but the bucket may be
left out. Endpoint, region and credentials are AWS's own settings (AWS_ENDPOINT_URL_S3, …).

A file is uploaded in parts, whole or not at all; it carries its sha256, by which a download is
checked. What was seen a moment ago is believed: the keys are digests of the content. An upload
whose process was killed stays, unseen and paid for: give the bucket a lifecycle rule with
AbortIncompleteMultipartUpload.
"""

import base64
import hashlib
import mimetypes
import shutil
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config

from models.assets import DEFAULT_CACHE
from models.errors import InvalidRequest, MissingFile, OutputError, ServiceUnavailable
from models.storage import Entry, LocalStore, checked, file_sha256
from models.stores.aws import speaking_to
from models.stores.kept import KeptFiles

SEEN_S = 60.0  # so long is believed that a file is there
PART_BYTES = 8 << 20
CONNECT_S, READ_S, ATTEMPTS = 5.0, 20.0, 4
DOWNLOADS = 3
GIGABYTE = 1_000_000_000
OPTIONS = frozenset({"sse", "kms_key", "cache", "cache_gb"})


@dataclass(frozen=True)
class Place:
    bucket: str
    prefix: str = ""  # without slashes at its ends
    sse: str | None = None  # AES256 or aws:kms
    kms_key: str | None = None
    cache: Path = DEFAULT_CACHE.parent / "s3"
    cache_bytes: int = 20 * GIGABYTE

    @classmethod
    def parse(cls, url: str) -> "Place":
        """Raises InvalidRequest."""
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query))
        if unknown := options.keys() - OPTIONS:
            raise InvalidRequest(
                f"{url!r} has the option {min(unknown)!r}: there are {', '.join(sorted(OPTIONS))}"
            )
        if not parts.netloc or parts.scheme != "s3":
            raise InvalidRequest(f"{url!r} names no bucket: write s3://BUCKET/PREFIX")
        return cls(
            parts.netloc,
            parts.path.strip("/"),
            options.get("sse"),
            options.get("kms_key"),
            Path(options.get("cache", cls.cache)),
            _bytes(options.get("cache_gb")) or cls.cache_bytes,
        )

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")


@dataclass(frozen=True)
class Seen:
    """An object as the store described it at `at`."""

    size: int
    tag: str
    sha256: str | None
    at: float = field(default_factory=time.monotonic)

    @property
    def lately(self) -> bool:
        return time.monotonic() - self.at < SEEN_S


class _Damaged(Exception):
    """What arrived is not what the store described."""


class S3Store:
    def __init__(self, place: Place, client: Any) -> None:  # noqa: ANN401, boto3 has no types
        self.place = place
        self.client = client
        self._kept = KeptFiles(place.cache / "files", place.cache_bytes)
        self._seen: dict[str, Seen] = {}
        self._bucket_is_there = False

    @classmethod
    def at(cls, url: str) -> "S3Store":
        """Raises InvalidRequest, StoreUnusable."""
        place = Place.parse(url)
        with speaking_to(str(place)):
            return cls(place, connect())

    def exists(self, key: str) -> bool:
        return self._look(key) is not None

    def path(self, key: str) -> Path:
        for _ in range(DOWNLOADS):
            if (seen := self._look(key)) is None:
                raise MissingFile(f"{key} is no longer in {self.place}: run the request again")
            version, name = self._version(key, seen), _name(key)
            if kept := self._kept.find(version, name, seen.size):
                return kept
            with suppress(_Damaged):
                return self._kept.keep(version, name, partial(self._download, key, seen))
            self._seen.pop(key, None)  # it was replaced meanwhile, or cut short on its way
        raise ServiceUnavailable(
            f"{key} of {self.place} arrived damaged {DOWNLOADS} times: check network and store"
        )

    def put(self, source: Path, key: str) -> None:
        sha256 = file_sha256(source)
        extra = {"Metadata": {"sha256": sha256}, **self._encryption(), **_kind_of(key)}
        transfer = TransferConfig(multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES)
        with speaking_to(str(self.place), key), source.open("rb") as file:
            self.client.upload_fileobj(
                file, self.place.bucket, self.object_name(key), ExtraArgs=extra, Config=transfer
            )
        self._seen.pop(key, None)
        seen = self._look(key)
        if seen and seen.sha256 == sha256:
            with suppress(OutputError):  # it is stored; a copy here only saves a download
                self._kept.keep(self._version(key, seen), _name(key), partial(_copy, source))

    def delete(self, key: str) -> None:
        self._seen.pop(key, None)
        with speaking_to(str(self.place), key):
            self.client.delete_object(Bucket=self.place.bucket, Key=self.object_name(key))

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        above = self.object_name("", of_a_file=False)
        pages = self.client.get_paginator("list_objects_v2")
        with speaking_to(str(self.place)):
            for page in pages.paginate(Bucket=self.place.bucket, Prefix=above + prefix):
                for one in page.get("Contents", []):
                    key = one["Key"].removeprefix(above)
                    yield Entry(key, one["Size"], one["LastModified"])

    def presigned_get(self, key: str, disposition: str, lasting_s: int) -> str:
        """An address that shows the file to whoever has it. Signing asks nobody."""
        params = {
            "Bucket": self.place.bucket,
            "Key": self.object_name(key),
            "ResponseContentDisposition": disposition,
        }
        with speaking_to(str(self.place), key):
            return str(
                self.client.generate_presigned_url("get_object", params, ExpiresIn=lasting_s)
            )

    def presigned_put(
        self, key: str, size: int, sha256: str, lasting_s: int
    ) -> tuple[str, dict[str, str]]:
        """An address that takes these very bytes, and the headers to send with them."""
        checksum = base64.b64encode(bytes.fromhex(sha256)).decode()
        params = {
            "Bucket": self.place.bucket,
            "Key": self.object_name(key),
            "ContentLength": size,
            "ChecksumSHA256": checksum,
            **self._encryption(),
        }
        with speaking_to(str(self.place), key):
            url = str(self.client.generate_presigned_url("put_object", params, ExpiresIn=lasting_s))
        headers = {
            "Content-Length": str(size),
            "x-amz-checksum-sha256": checksum,
            "x-amz-server-side-encryption": self.place.sse or "",
            "x-amz-server-side-encryption-aws-kms-key-id": self.place.kms_key or "",
        }
        return url, {name: value for name, value in headers.items() if value}

    def work_folder(self) -> AbstractContextManager[Path]:
        return LocalStore(self.place.cache).work_folder()

    def object_name(self, key: str, *, of_a_file: bool = True) -> str:
        """What the bucket calls it."""
        above = f"{self.place.prefix}/" if self.place.prefix else ""
        return above + (checked(key) if of_a_file else key)

    def _look(self, key: str) -> Seen | None:
        """Only what is there is remembered: what is not may come any moment."""
        name = self.object_name(key)
        if (seen := self._seen.get(key)) and seen.lately:
            return seen
        try:
            with speaking_to(str(self.place), key):
                found = self.client.head_object(Bucket=self.place.bucket, Key=name)
        except MissingFile:
            self._check_bucket()
            return None
        sha256 = found.get("Metadata", {}).get("sha256")
        self._seen[key] = Seen(found["ContentLength"], found["ETag"], sha256)
        return self._seen[key]

    def _check_bucket(self) -> None:
        """A question about a file in no bucket is answered as if only the file was missing."""
        if self._bucket_is_there:
            return
        with speaking_to(str(self.place)):
            self.client.list_objects_v2(Bucket=self.place.bucket, MaxKeys=1)
        self._bucket_is_there = True

    def _download(self, key: str, seen: Seen, part: Path) -> None:
        with speaking_to(str(self.place), key), part.open("wb") as file:
            self.client.download_fileobj(self.place.bucket, self.object_name(key), file)
        if not _is_whole(part, seen):
            raise _Damaged

    def _version(self, key: str, seen: Seen) -> str:
        named = f"{self.place.bucket}/{self.object_name(key)} {seen.tag}"
        return hashlib.sha256(named.encode()).hexdigest()[:32]

    def _encryption(self) -> dict[str, str]:
        named = {"ServerSideEncryption": self.place.sse, "SSEKMSKeyId": self.place.kms_key}
        return {name: value for name, value in named.items() if value}


def connect(read_s: float = READ_S, attempts: int = ATTEMPTS) -> Any:  # noqa: ANN401, no types
    """A client whose every request ends within about two minutes, tries included."""
    return boto3.client(
        "s3",
        config=Config(
            signature_version="s3v4",  # presigned addresses would have the old one in some regions
            connect_timeout=CONNECT_S,
            read_timeout=read_s,
            retries={"mode": "standard", "total_max_attempts": attempts},
            max_pool_connections=16,
            tcp_keepalive=True,
        ),
    )


def _is_whole(file: Path, seen: Seen) -> bool:
    """By its sha256, or, where somebody else stored it, by its length."""
    if file.stat().st_size != seen.size:
        return False
    return seen.sha256 is None or file_sha256(file) == seen.sha256


def _name(key: str) -> str:
    return key.rpartition("/")[2]


def _copy(source: Path, part: Path) -> None:
    shutil.copyfile(source, part)


def _kind_of(key: str) -> dict[str, str]:
    kind, _ = mimetypes.guess_type(key)
    return {"ContentType": kind} if kind else {}


def _bytes(gigabytes: str | None) -> int | None:
    if gigabytes is None:
        return None
    try:
        return int(float(gigabytes) * GIGABYTE)
    except ValueError:
        raise InvalidRequest(f"cache_gb is {gigabytes!r}: give a number of gigabytes") from None
