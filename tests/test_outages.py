"""An exporter that fails says why, in a program's log, and when it works again."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from otlp import spans_of
from processes import free_port, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from brokers import MockBroker
    from collectors import Endpoint
    from programs import Run, Runner

ONE = """
import sys
from confluent_kafka import Producer
producer = Producer({"bootstrap.servers": sys.argv[1], "log_level": 0})
def sell():
    producer.produce("orders", b"v", partition=0)
    producer.flush()
sell()
"""
UNTIL_TOLD = """
import logging, threading, time
told = {"export-failed": threading.Event(), "export-recovered": threading.Event()}
class Told(logging.Handler):
    def emit(self, record):
        for slug in told:
            if slug in record.getMessage():
                told[slug].set()
logging.basicConfig(format="%(message)s")
logging.getLogger("autoinstrument").addHandler(Told())
def sell_until(slug):
    while not told[slug].wait(0.1):
        sell()
"""


@pytest.fixture
def broker(mock_broker: Callable[..., MockBroker]) -> str:
    """Give the address of a broker."""
    return mock_broker().bootstrap


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_a_port_without_a_listener_is_told_as_such(run: Runner, broker: str, protocol: str) -> None:
    """With the host and the port, and without the user, the password and the path."""
    login = "shop:SECRET-login@" if protocol == "http" else ""  # gRPC takes that for a name
    address = f"127.0.0.1:{free_port()}"
    done = run(ONE, broker, **_settings(f"http://{login}{address}/SECRET-path", protocol))
    assert re.search(f" spans to {address}: .*Connection refused; ", _failure(done))
    assert "SECRET" not in done.stderr


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_a_name_that_no_host_has_is_told_as_such(run: Runner, broker: str, protocol: str) -> None:
    """An address that is misspelt, or of another network."""
    done = run(ONE, broker, **_settings("http://collector.invalid:4318", protocol))
    assert "collector.invalid:4318: " in _failure(done)
    assert "the host's name cannot be resolved; " in _failure(done)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (302, "HTTP status 302, Found"),
        (401, "HTTP status 401, Unauthorized"),
        (503, "HTTP status 503, Service Unavailable"),
    ],
)
def test_a_status_is_told(
    run: Runner, broker: str, otlp_endpoint: Endpoint, status: int, words: str
) -> None:
    """Also one after which the exporter tries again."""
    otlp_endpoint.status = status
    done = run(ONE, broker, **otlp_endpoint.environment)
    assert re.search(rf": {words}; ", _failure(done))


def test_a_proxy_that_fails_is_told_as_such(run: Runner, broker: str) -> None:
    """It is not the collector that refuses the connection."""
    proxy = {"HTTP_PROXY": f"http://shop:SECRET-login@127.0.0.1:{free_port()}", "NO_PROXY": ""}
    done = run(ONE, broker, **_settings("http://collector.invalid:4318", "http"), **proxy)
    assert "collector.invalid:4318: the proxy fails: Connection refused; " in _failure(done)
    assert "SECRET" not in done.stderr


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_no_answer_and_no_tls_are_told(
    run: Runner, broker: str, otlp_endpoint: Endpoint, scheme: str
) -> None:
    """A server that hangs, and one that does not speak what it is spoken to."""
    otlp_endpoint.delay = None
    settings = otlp_endpoint.environment | {
        "OTEL_EXPORTER_OTLP_ENDPOINT": otlp_endpoint.url.replace("http", scheme),
        "OTEL_EXPORTER_OTLP_TIMEOUT": "0.5",
    }
    done = run(ONE, broker, **settings)
    words = {"http": "no answer in time", "https": "the server does not speak TLS"}[scheme]
    assert f": {words}; " in _failure(done)


def test_the_end_of_an_outage_is_told_with_what_it_has_cost(
    run: Runner, broker: str, otlp_endpoint: Endpoint
) -> None:
    """One line, while the program runs."""
    otlp_endpoint.status = 400
    recovering = threading.Thread(target=_recover, args=(otlp_endpoint,))
    recovering.start()
    program = f"""{ONE}{UNTIL_TOLD}
sell_until("export-failed")
sell_until("export-recovered")
"""
    done = run(program, broker, **otlp_endpoint.environment)
    recovering.join()
    (lost,) = re.findall(r"exports spans again; (\d+) spans .* \(export-recovered\)", done.stderr)
    messages = [request.message for request in otlp_endpoint.requests]
    sent = [each for each in messages if isinstance(each, ExportTraceServiceRequest)]
    assert int(lost) == sum(len(list(spans_of(each))) for each in sent) - len(otlp_endpoint.spans())


def _recover(endpoint: Endpoint) -> None:
    until(lambda: bool(endpoint.requests), "nothing has been sent", 60)
    endpoint.status = 200


def _settings(url: str, protocol: str) -> dict[str, str]:
    names = {"http": "http/protobuf", "grpc": "grpc"}
    return {
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_PROTOCOL": names[protocol],
        "OTEL_EXPORTER_OTLP_ENDPOINT": url,
        "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
    }


def _failure(done: Run) -> str:
    (line,) = [each for each in done.stderr.splitlines() if "(export-failed)" in each]
    return line
