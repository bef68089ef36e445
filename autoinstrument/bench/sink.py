"""An OTLP/HTTP endpoint that counts spans by sender."""

from __future__ import annotations

import threading
from collections import defaultdict
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Sink:
    """The endpoint at `url`, until it is closed; `answer` returns the status of each response.

    Each sender may use a path of its own, `url/sender`.
    """

    def __init__(self, answer: Callable[[], int] = lambda: 200) -> None:
        self._bodies: dict[str, list[bytes]] = defaultdict(list)
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.bodies = self._bodies
        self._server.answer = answer
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop the endpoint."""
        self._server.shutdown()
        self._server.server_close()

    def taken(self, sender: str = "") -> int:
        """Return how many spans a sender has sent since the last call."""
        return sum(map(_spans_in, self._bodies.pop(f"/{sender}".rstrip("/"), [])))


class _Server(ThreadingHTTPServer):
    bodies: dict[str, list[bytes]]
    answer: Callable[[], int]
    daemon_threads = True


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        status = self.server.answer()
        sender, _, signal = self.path.rpartition("/v1/")
        if signal == "traces" and status == HTTPStatus.OK:
            self.server.bodies[sender].append(body)
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


def _spans_in(request: bytes) -> int:
    """Count the spans of an `ExportTraceServiceRequest`: its field 1, then 2, then 2."""
    return sum(
        1
        for of_resource in _fields(request, 1)
        for of_scope in _fields(of_resource, 2)
        for _ in _fields(of_scope, 2)
    )


def _fields(message: bytes, wanted: int) -> Iterator[bytes]:
    """Yield the contents of a field; all fields of these messages are length-delimited."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        size, at = _varint(message, at)
        if key >> 3 == wanted:
            yield message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 - the last byte has its high bit clear
            return value, at
        shift += 7
