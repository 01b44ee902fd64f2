"""Somebody's web server on a real socket: it has files, and every bad habit by a path of its own.

/503                that status
/to/PLACE           a redirect to there
/flaky/x            503, until it is asked for the third time
/packed/x           something in gzip
/endless/x          megabytes that do not end
/slow/x             a byte, and a pause
"""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

ATTEMPTS = 3
MEGABYTE = b"\x89PNG\r\n\x1a\n" + b"\0" * 1_000_000


@dataclass
class Site:
    files: dict[str, bytes]
    port: int = 0
    asked: Counter[str] = field(default_factory=Counter)
    over: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"


@contextmanager
def site(files: dict[str, bytes]) -> Iterator[Site]:
    made = Site(files)
    handler = type("Handler", (_Handler,), {"site": made})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        made.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield made
        finally:
            made.over.set()
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    site: ClassVar[Site]

    def do_GET(self) -> None:
        self.site.asked[self.path] += 1
        name, _, rest = self.path[1:].partition("/")
        habit = getattr(self, f"_{name}", None)
        try:
            if self.path in self.site.files:
                self._send(200, self.site.files[self.path])
            elif habit is not None:
                habit(rest)
            else:
                self._send(int(name) if name.isdecimal() else 404)
        except OSError:
            return  # they have read enough

    def _to(self, place: str) -> None:
        self._send(302, headers={"Location": place})

    def _flaky(self, _: str) -> None:
        mended = self.site.asked[self.path] >= ATTEMPTS
        self._send(200 if mended else 503, self.site.files["/portrait.png"])

    def _packed(self, _: str) -> None:
        self._send(200, b"\x1f\x8b" * 99, {"Content-Encoding": "gzip"})

    def _endless(self, _: str) -> None:
        self._stream(MEGABYTE, 0.0)

    def _slow(self, _: str) -> None:
        self._stream(b"\0", 0.05)

    def _send(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, piece: bytes, pause_s: float) -> None:
        self.send_response(200)
        self.end_headers()
        while not self.site.over.is_set():
            self.wfile.write(piece)
            time.sleep(pause_s)

    def log_message(self, *_: object) -> None:
        """Not into the test's output."""
