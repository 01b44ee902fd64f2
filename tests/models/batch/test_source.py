"""Manifests from elsewhere: real servers on this machine, over TLS and with S3's protocol."""

import datetime
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import boto3
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from models.batch import source
from models.batch.manifest import MAX_BYTES
from models.errors import InvalidRequest, MissingFile, ServiceRefused, ServiceUnavailable
from models.storage import LocalStore
from tests.models.stores.conftest import BUCKET, proxy, s3_port
from tests.models.stores.proxy import FaultyProxy

__all__ = ["proxy", "s3_port"]

TABLE = b"name\nAnna\n"
PAGES = {
    "/talks.csv": (200, TABLE),
    "/endless.csv": (200, b"x" * (1 << 20)),
    "/busy.csv": (503, b""),
}


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


class Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        found = {
            "/talks.csv": (200, TABLE),
            "/endless.csv": (200, b"x" * (1 << 20)),
            "/busy.csv": (503, b""),
        }
        status, body = found.get(self.path, (404, b""))
        self.send_response(status)
        self.end_headers()
        for _ in range(1 << 10 if "endless" in self.path else 1):
            try:
                self.wfile.write(body)
            except OSError:
                return

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An https address that is believed because its certificate is."""
    certificate = self_signed(tmp_path)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    yield f"https://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def self_signed(folder: Path) -> Path:
    """Certificate and key in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "this machine")])
    now = datetime.datetime.now(datetime.UTC)
    here = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(here, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    path = folder / "here.pem"
    path.write_bytes(
        certificate.public_bytes(pem) + key.private_bytes(pem, form, serialization.NoEncryption())
    )
    return path


def test_a_manifest_is_read_over_https(site: str, store: LocalStore) -> None:
    assert source.read(f"{site}/talks.csv", store) == TABLE


def test_what_the_other_side_answers_is_said(site: str, store: LocalStore) -> None:
    with pytest.raises(ServiceRefused, match="answers 404"):
        source.read(f"{site}/none.csv", store)
    with pytest.raises(ServiceUnavailable, match="answers 503"):
        source.read(f"{site}/busy.csv", store)


def test_an_endless_manifest_is_read_no_further_than_a_manifest_may_be_long(
    site: str, store: LocalStore
) -> None:
    read = source.read(f"{site}/endless.csv", store)
    assert MAX_BYTES < len(read) < MAX_BYTES + (1 << 21)


def test_nobody_at_the_address_is_said(store: LocalStore) -> None:
    with pytest.raises(ServiceUnavailable, match="cannot be reached"):
        source.read("https://127.0.0.1:1/talks.csv", store)


def test_other_protocols_are_refused(store: LocalStore) -> None:
    with pytest.raises(InvalidRequest, match="use a path, store:KEY, s3:// or https://"):
        source.read("http://127.0.0.1/talks.csv", store)


def test_a_manifest_is_read_from_a_bucket(proxy: FaultyProxy, store: LocalStore) -> None:
    client = boto3.client("s3")
    client.put_object(Bucket=BUCKET, Key="in/talks.csv", Body=TABLE)
    client.close()
    assert source.read(f"s3://{BUCKET}/in/talks.csv", store) == TABLE
    with pytest.raises(MissingFile, match=r"in/none\.csv"):
        source.read(f"s3://{BUCKET}/in/none.csv", store)


def test_the_template_lies_beside_its_manifest() -> None:
    assert source.template_beside("s3://b/in/talks.csv") == "s3://b/in/talks.template.json"
    assert source.template_beside("https://a.b/x.csv?v=1") == "https://a.b/x.template.json?v=1"
    with pytest.raises(InvalidRequest, match="has no ending"):
        source.template_beside("talks")
