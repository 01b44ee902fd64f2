"""What a caller may name, and what is really connected to: real sockets, a resolver that lies."""

import asyncio
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from api.guard import Guarded, Policy, Resolver, is_public, resolve
from models.errors import AddressRefused

STRICT = Policy()

NOT_PUBLIC = (
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.8.8.8",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "3fff::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
)
PUBLIC = ("8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808")
REFUSED_URLS = (
    "",
    "hooks.example.com",
    "//hooks.example.com/",
    "http://hooks.example.com/",
    "ftp://hooks.example.com/",
    "file:///etc/passwd",
    "gopher://hooks.example.com/",
    "https://",
    "https:///path",
    "https://hooks.example.com:22/",
    "https://hooks.example.com:6379/",
    "https://hooks.example.com:99999/",
    "https://user:password@hooks.example.com/",
    "https://user@hooks.example.com/",
    "https://hooks.example.com@127.0.0.1/",
    "https://127.0.0.1/",
    "https://127.1/",
    "https://0/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://0177.0.0.1/",
    "https://127.0.0.1./",
    "https://169.254.169.254/latest/meta-data/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[fe80::1%25eth0]/",
    "https://localhost/",
    "https://localhost./",
    "https://LOCALHOST/",
    "https://metadata.google.internal/",
    "https://printer.local/",
    "https://hooks.example.com/a b",
    "https://hooks.example.com/\r\nHost: other",
    "https://hooks.example.com/\0",
    "https://ⓗooks.example.com/",
    "https://exa_mple..com/",
    "https://hooks.example.com/" + "a" * 2_048,
)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_an_address_that_is_not_of_the_internet_is_refused(address: str) -> None:
    with pytest.raises(AddressRefused):
        STRICT.check_address(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_internet_may_be_called(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("url", REFUSED_URLS)
def test_a_url_is_refused_without_asking_anybody(url: str) -> None:
    with pytest.raises(AddressRefused, match=": "):
        STRICT.check_url(url)


@pytest.mark.parametrize(
    "url", ["https://hooks.example.com/", "https://a.example:443/x?y=z", "https://8.8.8.8/"]
)
def test_an_ordinary_url_gets_as_far_as_its_name(url: str) -> None:
    """Not a call to the internet: the resolver knows no name."""
    with pytest.raises(httpx.ConnectError):
        get(url, STRICT, unknown)


@pytest.mark.parametrize("addresses", [("10.0.0.1",), ("8.8.8.8", "127.0.0.1"), ("fe80::1%eth0",)])
def test_one_bad_address_among_a_name_s_refuses_it(addresses: Sequence[str]) -> None:
    with pytest.raises(AddressRefused):
        get("https://hooks.example.com/", STRICT, answering([addresses]))


def test_nothing_is_sent_to_this_machine_unless_the_operator_allows_it() -> None:
    with server() as (port, seen):
        url = f"http://hooks.example.com:{port}/x"
        to_us = answering([("127.0.0.1",)] * 2)
        with pytest.raises(AddressRefused):
            get(url, Policy(ports=frozenset({port}), plain_http=True), to_us)
        assert seen == []
        answer = get(url, here(port), to_us)
    assert (answer.status_code, answer.text) == (200, "hello")
    assert seen == [f"hooks.example.com:{port}/x"]


def test_a_name_is_resolved_once_and_the_checked_address_is_called() -> None:
    """A resolver that answers with an allowed address first, and with another one then."""
    with server() as (port, seen):
        allowed = Policy.of(["127.0.0.1/32"], [port], plain_http=True)
        resolver = answering([("127.0.0.1",), ("127.0.0.2",)])
        answer = get(f"http://hooks.example.com:{port}/x", allowed, resolver)
        with pytest.raises(AddressRefused):  # the next request is checked anew
            get(f"http://hooks.example.com:{port}/x", allowed, resolver)
    assert answer.status_code == 200
    assert len(seen) == 1


def test_no_connection_is_kept_for_the_next_request() -> None:
    """Else the next one would go to an address that was checked long ago."""
    with server() as (port, seen):
        policy = Policy.of(["127.0.0.1/32"], [port], plain_http=True)
        resolver = answering([("127.0.0.1",), ("127.0.0.2",)])

        async def twice() -> None:
            transport = Guarded(policy, resolver)
            async with httpx.AsyncClient(transport=transport, trust_env=False) as client:
                await client.get(f"http://hooks.example.com:{port}/x")
                await client.get(f"http://hooks.example.com:{port}/x")

        with pytest.raises(AddressRefused):
            asyncio.run(twice())
    assert len(seen) == 1


def test_plain_http_is_refused_also_where_the_address_is_allowed() -> None:
    with server() as (port, seen):
        with pytest.raises(AddressRefused, match="use https://"):
            get(f"http://127.0.0.1:{port}/x", Policy.of(["127.0.0.1/32"], [port], plain_http=False))
        assert seen == []


@pytest.mark.parametrize(
    "place", ["http://127.0.0.9:{port}/x", "http://10.0.0.1:{port}/", "ftp://x/"]
)
def test_a_redirect_is_checked_like_a_request(place: str) -> None:
    with server() as (port, seen):
        url = f"http://127.0.0.1:{port}/to?{place.format(port=port)}"
        policy = Policy.of(["127.0.0.1/32"], [port], plain_http=True)
        with pytest.raises((AddressRefused, httpx.UnsupportedProtocol)):
            get(url, policy, follow=True)
        assert len(seen) == 1


def test_no_redirect_is_followed_unasked() -> None:
    with server() as (port, seen):
        answer = get(f"http://127.0.0.1:{port}/to?http://127.0.0.1:{port}/x", here(port))
    assert answer.status_code == 302
    assert len(seen) == 1


def test_the_second_address_is_tried_where_the_first_is_dead() -> None:
    with server() as (port, _):
        resolver = answering([("127.0.0.2", "127.0.0.1")])
        assert get(f"http://two.example:{port}/x", here(port), resolver).status_code == 200


def test_a_name_that_nobody_knows_is_a_network_error() -> None:
    with pytest.raises(httpx.ConnectError):
        get("https://hooks.example.com/", STRICT, unknown)


def test_tls_speaks_to_the_name_and_not_to_the_address(tmp_path: Path) -> None:
    certificate = certificate_of("hooks.example.com", tmp_path)
    trusting = ssl.create_default_context(cafile=str(certificate))
    with server(certificate) as (port, seen):
        for name, known in (("hooks.example.com", True), ("other.example.com", False)):
            url, to_us = f"https://{name}:{port}/x", answering([("127.0.0.1",)])
            if known:
                assert get(url, here(port), to_us, tls=trusting).text == "hello"
            else:
                with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                    get(url, here(port), to_us, tls=trusting)
    assert seen == [f"hooks.example.com:{port}/x"]


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    with server(certificate_of("hooks.example.com", tmp_path)) as (port, seen):
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            get(f"https://hooks.example.com:{port}/", here(port), answering([("127.0.0.1",)]))
        assert seen == []


def test_a_closed_port_is_a_network_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(httpx.ConnectError):
        get(f"http://127.0.0.1:{port}/", here(port))


def test_the_environment_s_proxy_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with server() as (port, _):
        assert get(f"http://127.0.0.1:{port}/x", here(port)).status_code == 200


def here(port: int) -> Policy:
    return Policy.of(["127.0.0.0/8"], [port], plain_http=True)


def answering(answers: Sequence[Sequence[str]]) -> Resolver:
    """A resolver that gives these in turn, whatever it is asked."""
    left = list(answers)

    async def answer(_host: str, _port: int) -> Sequence[str]:
        return left.pop(0)

    return answer


async def unknown(host: str, _port: int) -> Sequence[str]:
    raise socket.gaierror(socket.EAI_NONAME, host)


def certificate_of(name: str, folder: Path) -> Path:
    """A self-signed certificate and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    today = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(made.public_bytes(Encoding.PEM) + private)
    return path


def get(
    url: str,
    policy: Policy,
    resolver: Resolver = resolve,
    *,
    follow: bool = False,
    tls: ssl.SSLContext | None = None,
) -> httpx.Response:
    transport = Guarded(policy, resolver, tls)

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(
            transport=transport, trust_env=False, follow_redirects=follow, timeout=5
        ) as client:
            return await client.get(url)

    return asyncio.run(ask())


@contextmanager
def server(certificate: Path | None = None) -> Iterator[tuple[int, list[str]]]:
    """A web server on 127.0.0.1; its port, and the Host and path of each request."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # connections may be kept

        def do_GET(self) -> None:
            seen.append(f"{self.headers['Host']}{self.path}")
            place = self.path.removeprefix("/to?")
            self.send_response(302 if place != self.path else 200)
            self.send_header("Location", place)
            self.send_header("Content-Length", "5")
            self.end_headers()
            self.wfile.write(b"hello")

        def log_message(self, *_: object) -> None:
            """Not into the test's output."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            running.socket = context.wrap_socket(running.socket, server_side=True)
        thread = threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield running.server_address[1], seen
        finally:
            running.shutdown()
            thread.join()
