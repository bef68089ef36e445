"""The extras for OTLP: over HTTP nothing is compiled, and what is missing or broken is told so."""

from __future__ import annotations

import json
import shutil
import zipfile
from email.parser import Parser
from typing import TYPE_CHECKING

import pytest
from interpreters import ON

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from brokers import MockBroker
    from collectors import Endpoint
    from interpreters import Interpreter

ONE = """
import sys
from confluent_kafka import Producer
producer = Producer({"bootstrap.servers": sys.argv[1]})
producer.produce("orders", "v")
producer.flush()
"""
GRPC = {
    **ON,
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
    "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
}


@pytest.fixture
def broker(mock_broker: Callable[..., MockBroker]) -> str:
    """Return the address of an embedded broker."""
    return mock_broker().bootstrap


@pytest.fixture
def without_grpc(installed: Interpreter, tmp_path: Path) -> Interpreter:
    """Return an interpreter with the extra `otlp`, and not `otlp-grpc`."""
    own = installed.copy(tmp_path / "own")
    _remove(own, "grpc", "grpcio-*", "opentelemetry_exporter_otlp_proto_grpc-*")
    return own


@pytest.fixture
def with_another_pythons_grpc(installed: Interpreter, tmp_path: Path) -> Interpreter:
    """Return an interpreter with a grpcio that was compiled for another one."""
    own = installed.copy(tmp_path / "own")
    compiled = (own.site / "grpc").resolve()
    _remove(own, "grpc")
    shutil.copytree(compiled, own.site / "grpc")
    (module,) = (own.site / "grpc").rglob("cygrpc.*.so")
    module.rename(module.with_name("cygrpc.cpython-36m-x86_64-linux-gnu.so"))
    return own


def _remove(own: Interpreter, *patterns: str) -> None:
    for pattern in patterns:
        (package,) = own.site.glob(pattern)
        package.unlink()  # a link to this environment's


def test_the_extra_otlp_is_http_and_all_has_both(wheel: Path) -> None:
    """By the wheel's metadata, which pip reads."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [each for each in archive.namelist() if each.endswith("dist-info/METADATA")]
        metadata = Parser().parsestr(archive.read(name).decode())
    needed: dict[str, set[str]] = {}
    for each in metadata.get_all("Requires-Dist", []):
        package, _, extra = each.partition("; extra == ")
        needed.setdefault(extra.strip("'"), set()).add(package.partition(">")[0])
    assert needed["otlp"] == {"opentelemetry-exporter-otlp-proto-http"}
    assert needed["otlp-grpc"] == {"opentelemetry-exporter-otlp-proto-grpc"}
    assert needed["all"] > needed["otlp"] | needed["otlp-grpc"]


def test_otlp_over_http_needs_no_grpc(
    without_grpc: Interpreter, broker: str, otlp_endpoint: Endpoint
) -> None:
    """An endpoint is enough: HTTP is the specification's default."""
    ended = without_grpc.run("-c", ONE, broker, OTEL_EXPORTER_OTLP_ENDPOINT=otlp_endpoint.url, **ON)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert len(otlp_endpoint.wait_for(2)) == 2


def test_http_is_the_default_where_both_are_installed(
    installed: Interpreter, broker: str, otlp_endpoint: Endpoint
) -> None:
    """As without gRPC."""
    ended = installed.run("-c", ONE, broker, OTEL_EXPORTER_OTLP_ENDPOINT=otlp_endpoint.url, **ON)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert len(otlp_endpoint.wait_for(2)) == 2


def test_grpc_that_is_not_installed_is_told_with_its_extra(
    without_grpc: Interpreter, broker: str, tmp_path: Path
) -> None:
    """One line in the service, for spans and metrics together, and the same in the doctor."""
    ended = without_grpc.run("-c", ONE, broker, cwd=tmp_path, **GRPC)
    (told,) = ended.stderr.splitlines()
    assert "'otlp_proto_grpc' is not installed; " in told
    assert "run: pip install 'autoinstrument[otlp-grpc]'" in told
    assert told.endswith("(exporter-missing)")
    assert _found_by_doctor(without_grpc, "exporter-missing") in told


@pytest.mark.skipif("sys.platform != 'linux'", reason="names what is compiled as on Linux")
def test_a_package_for_another_python_is_not_called_missing(
    with_another_pythons_grpc: Interpreter, broker: str, tmp_path: Path
) -> None:
    """It is told which does not load, and why, in one line, and in the doctor."""
    ended = with_another_pythons_grpc.run("-c", ONE, broker, cwd=tmp_path, **GRPC)
    (told,) = ended.stderr.splitlines()
    assert "'otlp_proto_grpc' is installed, but does not load on Python 3." in told
    assert "cygrpc" in told
    assert "pip install --force-reinstall opentelemetry-exporter-otlp-proto-grpc" in told
    assert told.endswith("(exporter-unloadable)")
    assert _found_by_doctor(with_another_pythons_grpc, "exporter-unloadable") in told


def test_a_page_that_this_python_cannot_draw_is_refused_with_the_reason(
    installed: Interpreter, tmp_path: Path
) -> None:
    """As where a folder of packages was filled by another Python."""
    (tmp_path / "matplotlib.py").write_text("raise ImportError('built for another Python')\n")
    ended = installed.run(
        *("-m", "autoinstrument", "report", "--html", "page.html"),
        cwd=tmp_path,
        PYTHONPATH=str(tmp_path),
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    (told,) = ended.stderr.splitlines()
    what = "what the page needs is installed, but does not load on this Python"
    assert f"{what}: built for another Python; run the report with" in told


def _found_by_doctor(own: Interpreter, slug: str) -> str:
    """Return the words of the one problem that the doctor finds, which has this slug."""
    ended = own.run("-m", "autoinstrument", "doctor", "--json", **GRPC)
    (line,) = [each for each in json.loads(ended.stdout)["lines"] if each["status"] == "problem"]
    assert (ended.returncode, line["slug"]) == (1, slug)
    words: str = line["what"]
    return words
