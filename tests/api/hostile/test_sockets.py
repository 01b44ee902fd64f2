"""What only a raw socket sends: lies about length, two framings, bodies that stop or drip.

What is no HTTP is refused by the parser below the application, with 400 and no document.
"""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from models.contracts import MAX_AUDIO_BYTES
from tests.api.conftest import settings_for
from tests.api.hostile.conftest import Target
from tests.api.hostile.files import jpeg
from tests.api.running import Api, gateway

PATIENCE_S = 15.0
SMUGGLED = "GET /v1/usage?smuggled=1 HTTP/1.1\r\nHost: x\r\n\r\n"


@contextmanager
def connected(url: str) -> Iterator[socket.socket]:
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), PATIENCE_S) as line:
        yield line


def request(
    target: Target, *headers: str, path: str = "/v1/uploads", method: str = "POST"
) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {target.key}"]
    return "\r\n".join([*lines, *headers, "", ""]).encode("latin-1")


def all_of(line: socket.socket) -> bytes:
    """Until the other side hangs up, or has said nothing for a while."""
    found = b""
    line.settimeout(1.0)
    try:
        while piece := line.recv(65_536):
            found += piece
    except (TimeoutError, ConnectionResetError):
        pass
    return found


def exchanged(target: Target, *pieces: bytes) -> bytes:
    with connected(target.url) as line:
        try:
            for piece in pieces:
                line.sendall(piece)
            line.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it hung up first
        return all_of(line)


def statuses(answer: bytes) -> list[int]:
    parts = answer.split(b"HTTP/1.1 ")[1:]
    return [int(part[:3]) for part in parts]


NOT_HTTP = {
    "no HTTP at all": b"hello\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + b"\0" * 200,
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/9.9": b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
    "a null byte in the target": b"GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a null byte in a header": b"GET / HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n",
    "a header without a colon": b"GET / HTTP/1.1\r\nHost: x\r\nA b\r\n\r\n",
    "a space before a colon": b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length : 0\r\n\r\n",
    "a length of -1": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "a length of +1": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\na",
    "a length of 0x1": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x1\r\n\r\na",
    "a length of 2^70": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: "
    + str(2**70).encode()
    + b"\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na",
    "a chunk of no number": b"POST /v1/videos HTTP/1.1\r\nHost: x\r\n"
    b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "an unknown method": b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n",
}


@pytest.mark.parametrize("what", NOT_HTTP)
def test_what_is_no_http_is_refused(target: Target, what: str) -> None:
    found = statuses(exchanged(target, NOT_HTTP[what]))
    assert found in ([400], []), found  # or it hangs up without a word
    _settled(target)


SHAPES = {
    "both, the length first": ("Content-Length: 6", "Transfer-Encoding: chunked"),
    "both, the chunks first": ("Transfer-Encoding: chunked", "Content-Length: 6"),
    "both, a tab before chunked": ("Content-Length: 6", "Transfer-Encoding:\tchunked"),
    "both, in capitals": ("CONTENT-LENGTH: 6", "TRANSFER-ENCODING: CHUNKED"),
    "chunked twice": ("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
    "chunked and identity": ("Transfer-Encoding: chunked, identity",),
    "something chunked": ("Transfer-Encoding: xchunked",),
    "chunked with a vertical tab": ("Transfer-Encoding: \x0bchunked",),
    "gzip, then chunked": ("Transfer-Encoding: gzip, chunked",),
    "a folded header": ("Transfer-Encoding:", " chunked", "Content-Length: 6"),
}


@pytest.mark.parametrize("what", SHAPES)
def test_no_request_hides_in_the_body_of_another(target: Target, what: str) -> None:
    """Whoever reads the framing otherwise, the request inside is never answered."""
    answer = exchanged(target, request(target, *SHAPES[what]) + b"0\r\n\r\n" + SMUGGLED.encode())
    found = statuses(answer)
    assert len(found) <= 1, answer
    assert b"smuggled" not in answer
    assert all(status in (400, 415, 422, 501) for status in found), answer
    _settled(target)


def test_two_framings_are_refused_with_their_code(target: Target) -> None:
    answer = exchanged(
        target, request(target, "Content-Length: 5", "Transfer-Encoding: chunked") + b"0\r\n\r\n"
    )
    if statuses(answer) == [400] and b"problem+json" in answer:
        assert b"framing_ambiguous" in answer
    else:  # a parser that refuses it by itself
        assert statuses(answer) in ([400], [])


def test_a_line_of_a_megabyte_is_refused(target: Target) -> None:
    for long in (
        b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 1_000_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 200_000 + b"\r\n",
    ):
        assert statuses(exchanged(target, long)) in ([400], [413], [414], [431], [])
        _settled(target)


@pytest.mark.parametrize("path", ["/v1/uploads", "/v1/videos", "/v1/batches"])
def test_a_body_that_ends_before_its_length_leaves_nothing(target: Target, path: str) -> None:
    picture = jpeg()
    head = request(
        target, f"Content-Length: {len(picture)}", "Content-Type: application/json", path=path
    )
    exchanged(target, head, picture[: len(picture) // 2])
    _settled(target)


def test_chunks_that_end_early_leave_nothing(target: Target) -> None:
    head = request(target, "Transfer-Encoding: chunked")
    exchanged(target, head, b"1000\r\n" + jpeg()[:500])
    exchanged(target, head, b"5\r\nabc\r\n0\r\n\r\n")
    exchanged(target, head, b"FFFFFFFFFFFFFFFF\r\nabc")
    _settled(target)


def test_an_announced_giant_is_refused_before_it_comes(target: Target) -> None:
    """Or as its bytes come: not more of them than fit."""
    head = request(target, f"Content-Length: {100 * MAX_AUDIO_BYTES}")
    sent = 0
    with connected(target.url) as line:
        line.sendall(head)
        try:
            while sent < 3 * MAX_AUDIO_BYTES:
                line.sendall(b"ID3" + b"\0" * 1_048_573)
                sent += 1_048_576
        except (BrokenPipeError, ConnectionResetError):
            pass
    assert sent < 2 * MAX_AUDIO_BYTES
    _settled(target)


def test_a_hundred_who_leave_in_the_middle_leave_nothing(target: Target) -> None:
    head = request(target, "Content-Length: 100000")
    for _ in range(100):
        with connected(target.url) as line:
            line.sendall(head + jpeg()[:3_000])
    _settled(target)


def _settled(target: Target) -> None:
    """Its temporary files go when it notices that nobody sends them any more."""
    end, quiet = time.monotonic() + PATIENCE_S, 0
    while quiet < 5 and time.monotonic() < end:
        quiet = 0 if any((target.folder / "tmp").iterdir()) else quiet + 1
        time.sleep(0.02)
    target.is_unmoved()


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A gateway that waits half a second for the next piece of a body."""
    folder: Path = tmp_path_factory.mktemp("hasty")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("api.bodies.IDLE_S", 0.5)
        with gateway(settings_for(f"sqlite:///{folder}/g.db", folder / "store")) as api:
            yield api


@pytest.mark.parametrize("path", ["/v1/uploads", "/v1/videos"])
@pytest.mark.parametrize("every_s", [None, 0.1])
def test_a_body_that_stops_or_drips_is_cut_off(
    hasty: Api, path: str, every_s: float | None
) -> None:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {hasty.key('slow')}\r\n"
        "Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n"
    )
    with connected(hasty.url) as line:
        line.sendall(head.encode() + b"ID3")
        began = time.monotonic()
        if every_s is not None:
            line.settimeout(every_s)
            while time.monotonic() - began < PATIENCE_S:
                try:
                    if line.recv(1, socket.MSG_PEEK):
                        break
                except TimeoutError:
                    line.sendall(b" ")
        answer = all_of(line)
    assert statuses(answer) == [408], answer
    assert b"request_timeout" in answer
    assert b"onnection: close" in answer
    assert time.monotonic() - began < PATIENCE_S
