"""OTLP endpoints for tests: one that can be told how to answer, and a real collector before it."""

from __future__ import annotations

import gzip
import importlib.util
import os
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingTCPServer
from typing import TYPE_CHECKING

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from otlp import REQUESTS, Span, spans_of
from processes import Process, accepts, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.message import Message


@dataclass(frozen=True)
class Request:
    """One export as it came: `headers` with names in lower case, `message` decoded."""

    path: str
    headers: dict[str, str]
    message: Message


@dataclass
class Endpoint:
    """An OTLP/HTTP endpoint at `url`.

    A test may set `status`, the answer to the next requests, and `delay`, the seconds before it
    (None: never). `requests` has all that came; only what was answered with 200 is received.
    """

    url: str
    status: int = 200
    delay: float | None = 0.0
    requests: list[Request] = field(default_factory=list)
    _received: list[Span] = field(default_factory=list)
    _failure: Exception | None = None
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _closed: threading.Event = field(default_factory=threading.Event)

    @property
    def environment(self) -> dict[str, str]:
        """Variables that make a program export its traces here."""
        return {
            "OTEL_TRACES_EXPORTER": "otlp",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.url,
        }

    def spans(self) -> list[Span]:
        """Return what has been received, in that order; raise what a malformed export raised."""
        with self._changed:
            if self._failure:
                raise self._failure
            return list(self._received)

    def wait_for(self, count: int, timeout: float = 10.0) -> list[Span]:
        """Return all spans as soon as there are `count`; raise TimeoutError if there are fewer."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.spans()) >= count, timeout):
                names = [span.name for span in self._received]
                raise TimeoutError(f"{len(names)} of {count} spans after {timeout} s: {names}")
            return self.spans()

    def take(self, path: str, headers: dict[str, str], body: bytes) -> int | None:
        """Take a request in and return the status of its answer; None for no answer at all."""
        status, delay = self.status, self.delay
        packed = headers.get("content-encoding") == "gzip"
        try:
            message = REQUESTS[path].FromString(gzip.decompress(body) if packed else body)
            spans = spans_of(message) if isinstance(message, ExportTraceServiceRequest) else ()
            received = list(spans) if status == 200 else []
        except Exception as error:  # noqa: BLE001 - for the test to see, not for this thread
            with self._changed:
                self._failure = error
                self._changed.notify_all()
            return 400
        with self._changed:
            self.requests.append(Request(path, headers, message))
        if self._closed.wait(delay):
            return None
        with self._changed:
            self._received += received
            self._changed.notify_all()
        return status

    def close(self) -> None:
        """Let go of the requests that are being delayed."""
        self._closed.set()


@dataclass(frozen=True)
class Rotel:
    """An OTLP collector that shares no code with ours; what it takes in goes on to `endpoint`."""

    grpc: str
    http: str
    endpoint: Endpoint

    def environment(self, protocol: str) -> dict[str, str]:
        """Variables that make a program export its traces here, by "grpc" or "http/protobuf"."""
        url = self.grpc if protocol == "grpc" else self.http
        ours = {"OTEL_EXPORTER_OTLP_PROTOCOL": protocol, "OTEL_EXPORTER_OTLP_ENDPOINT": url}
        return self.endpoint.environment | ours

    def spans(self) -> list[Span]:
        """Return what has come through so far."""
        return self.endpoint.spans()

    def wait_for(self, count: int, timeout: float = 10.0) -> list[Span]:
        """Return all spans as soon as there are `count`; raise TimeoutError if there are fewer."""
        return self.endpoint.wait_for(count, timeout)


@pytest.fixture
def otlp_endpoint() -> Iterator[Endpoint]:
    """Give an OTLP/HTTP endpoint on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # as collectors do: a connection serves many exports

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status = endpoint.take(self.path, headers, body)
            if status is None:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with _Server(("127.0.0.1", 0), Handler) as server:
        endpoint = Endpoint(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield endpoint
        endpoint.close()
        server.shutdown()
        thread.join()


class _Server(ThreadingTCPServer):
    """Not http.server's, which asks the name service for this machine's name first."""

    daemon_threads = True
    request_queue_size = 128


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what takes rotel on a Python for which there is no rotel: CPython 3.14 on."""
    if sys.version_info < (3, 14) or _rotel_agent():
        return
    takes_rotel = [item for item in items if "rotel" in getattr(item, "fixturenames", ())]
    config.hook.pytest_deselected(items=takes_rotel)
    items[:] = [item for item in items if item not in takes_rotel]


@pytest.fixture
def rotel(otlp_endpoint: Endpoint, tmp_path: Path) -> Iterator[Rotel]:
    """Give a running collector, rotel, that sends what it takes in to `otlp_endpoint`."""
    agent = _rotel_agent()
    if agent is None:
        pytest.skip("needs the collector rotel: pip has no wheel of it for this platform")
    grpc, http = free_port(), free_port()
    command = [
        *(agent, "start", "--batch-timeout", "10ms"),
        *("--otlp-grpc-endpoint", f"127.0.0.1:{grpc}", "--otlp-http-endpoint", f"127.0.0.1:{http}"),
        *("--exporter", "otlp", "--otlp-exporter-protocol", "http"),
        *("--otlp-exporter-endpoint", otlp_endpoint.url),
    ]
    process = Process(command, tmp_path / "rotel.log")
    process.until(lambda: accepts(grpc) and accepts(http))
    yield Rotel(f"http://127.0.0.1:{grpc}", f"http://127.0.0.1:{http}", otlp_endpoint)
    process.kill()


def _rotel_agent() -> Path | None:
    # It is linked to the libpython of its wheel, which not every interpreter has as a library.
    if os.environ.get("ROTEL_AGENT"):
        return Path(os.environ["ROTEL_AGENT"])
    package = importlib.util.find_spec("rotel")
    return Path(package.origin).with_name("rotel-agent") if package and package.origin else None
