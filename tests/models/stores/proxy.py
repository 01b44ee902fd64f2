"""A proxy that fails on demand, in front of a server that doesn't: HTTP/1.1 on a real socket.

Each request takes the next of `faults` whose method and path fit: a status, a wait, a connection
that is reset before or in the middle of the answer, or an answer that is cut short.
"""

import http.client
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BUSY = b"<Error><Code>%s</Code><Message>as the test wants it</Message></Error>"
CODES = {500: b"InternalError", 503: b"SlowDown", 403: b"AccessDenied"}
HOP = ("connection", "transfer-encoding", "keep-alive")


@dataclass(frozen=True)
class Fault:
    method: str
    path: str = ""  # part of it
    status: int | None = None
    wait_s: float = 0.0
    late_s: float = 0.0  # it is done, and the answer comes so much later
    reset: bool = False  # instead of an answer
    cut: bool = False  # the connection closes in the middle of the body
    garble: bool = False  # one byte of the body is another


class FaultyProxy:
    def __init__(self, port: int) -> None:
        self._upstream = port
        self._lock = threading.Lock()
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, str]] = []
        self.always: Fault | None = None
        self.url = ""

    def take(self, method: str, path: str) -> Fault | None:
        with self._lock:
            self.requests.append((method, path))
            for fault in self.faults:
                if fault.method == method and fault.path in path:
                    self.faults.remove(fault)
                    return fault
            always = self.always
            fits = always and always.method in ("", method) and always.path in path
            return always if fits else None

    def count(self, method: str, path: str = "") -> int:
        return sum(one == method and path in where for one, where in self.requests)

    def forward(
        self, method: str, path: str, body: bytes, headers: dict[str, str]
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        upstream = http.client.HTTPConnection("127.0.0.1", self._upstream, timeout=30)
        try:
            upstream.request(method, path, body or None, headers)
            answer = upstream.getresponse()
            kept = [(name, value) for name, value in answer.getheaders() if name.lower() not in HOP]
            return answer.status, kept, answer.read()
        finally:
            upstream.close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "Server"

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        proxy = self.server.proxy
        fault = proxy.take(self.command, self.path) or Fault(self.command)
        time.sleep(fault.wait_s)
        if fault.reset:
            self._reset()
        elif fault.status:
            text = b"" if self.command == "HEAD" else BUSY % CODES[fault.status]
            self._answer(fault.status, [("Content-Length", str(len(text)))], text)
        else:
            headers = {
                name: value for name, value in self.headers.items() if name.lower() not in HOP
            }
            answer = proxy.forward(self.command, self.path, body, headers)
            time.sleep(fault.late_s)
            self._pass_on(fault, *answer)

    do_GET = do_PUT = do_POST = do_PATCH = do_HEAD = do_DELETE = handle_any

    def _pass_on(
        self, fault: Fault, status: int, headers: list[tuple[str, str]], body: bytes
    ) -> None:
        if fault.cut:
            body = body[: len(body) // 2]
            self.close_connection = True
        if fault.garble:
            body = bytes([body[0] ^ 1]) + body[1:]
            headers = [(n, v) for n, v in headers if "checksum" not in n.lower()]
        self._answer(status, headers, body)
        if fault.cut:
            self.connection.shutdown(socket.SHUT_RDWR)

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _reset(self) -> None:
        self.close_connection = True
        now = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, now)
        self.connection.close()

    def log_message(self, format: str, *args: object) -> None:
        """Tests read `requests`."""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, proxy: FaultyProxy) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.proxy = proxy

    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever gave up waiting is gone: that is what the test wanted."""


@contextmanager
def faulty_proxy(port: int) -> Iterator[FaultyProxy]:
    proxy = FaultyProxy(port)
    server = Server(proxy)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    proxy.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield proxy
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
