"""What the variables of OTLP say; a value that is not accepted is told, and the default used."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Any

from opentelemetry.util.re import parse_env_headers

from autoinstrument.process.bad_settings import refuse, shown
from autoinstrument.process.notices import tell

if TYPE_CHECKING:
    from collections.abc import Callable

PACKAGES = {"grpc": "otlp_proto_grpc", "http/protobuf": "otlp_proto_http"}
"""By protocol: the entry points of the exporters."""
_TIMEOUT = 10  # seconds, as the exporters have it
_COMPRESSION = {"otlp_proto_grpc": ("none", "gzip"), "otlp_proto_http": ("none", "gzip", "deflate")}
_URL = re.compile(r"https?://", re.IGNORECASE)
_FILES = ("CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY")
_OF_METRICS = {
    "TEMPORALITY_PREFERENCE": ("cumulative", "delta", "lowmemory"),
    "DEFAULT_HISTOGRAM_AGGREGATION": (
        "explicit_bucket_histogram",
        "base2_exponential_bucket_histogram",
    ),
}


def entry_point(signal: str) -> str:
    """Return which exporter serves the protocol that is asked for."""
    variable, protocol = setting(signal, "PROTOCOL")
    if protocol and protocol not in PACKAGES:
        refuse(variable, protocol, ", ".join(PACKAGES))
    return PACKAGES.get(protocol, PACKAGES["http/protobuf"])


def corrections(signal: str, package: str, exporter: Any) -> dict[str, Any]:
    """Return the arguments by which an exporter takes defaults in place of bad values.

    All that is wrong with its variables is told.
    """
    corrected: dict[str, Any] = {}
    if _is_bad(signal, "TIMEOUT", "a number of seconds", _is_time):
        corrected["timeout"] = _TIMEOUT
    accepted = _COMPRESSION[package]
    is_bad = _is_bad(signal, "COMPRESSION", ", ".join(accepted), _is_one_of(accepted))
    if is_bad or setting(signal, "COMPRESSION")[1].lower() == "none":  # which gRPC's refuses
        corrected["compression"] = sys.modules[exporter.__module__].Compression.NoCompression
    if package == PACKAGES["grpc"]:
        _is_bad(signal, "INSECURE", "true, false", _is_one_of(("true", "false")))
    else:
        _tell_of_endpoint(signal)
    if signal == "metrics":
        for name, words in _OF_METRICS.items():
            _is_bad(signal, name, ", ".join(words), _is_one_of(words))
    _tell_of_files(signal)
    _tell_of_headers(signal)
    return corrected


def setting(signal: str, name: str) -> tuple[str, str]:
    """Return the variable that says `name` for a signal, and its value; "" where none does."""
    general = f"OTEL_EXPORTER_OTLP_{name}"
    for variable in (f"OTEL_EXPORTER_OTLP_{signal.upper()}_{name}", general):
        value = os.environ.get(variable, "").strip()
        if value:
            return variable, value
    return general, ""


def _is_bad(signal: str, name: str, accepted: str, accepts: Callable[[str], bool]) -> bool:
    variable, value = setting(signal, name)
    if not value or accepts(value):
        return False
    refuse(variable, value, accepted)
    return True


def _is_one_of(words: tuple[str, ...]) -> Callable[[str], bool]:
    return lambda value: value.lower() in words


def _is_time(value: str) -> bool:
    try:
        return 0 < float(value) < float("inf")
    except ValueError:
        return False


def _tell_of_endpoint(signal: str) -> None:
    variable, endpoint = setting(signal, "ENDPOINT")
    if endpoint and not _URL.match(endpoint):
        words = f"{shown(variable, endpoint)} does not begin with http:// or https://"
        tell("bad-setting", f"{words}, and nothing can be sent", about=variable)


def _tell_of_files(signal: str) -> None:
    for name in _FILES:
        variable, path = setting(signal, name)
        if path and not os.access(path, os.R_OK):
            words = f"{shown(variable, path)} is no file that can be read"
            tell("bad-setting", f"{words}; accepted: a file in PEM format", about=variable)


def _tell_of_headers(signal: str) -> None:
    """Warn of headers that no request will have, since they are not written as they must be."""
    for variable in (f"OTEL_EXPORTER_OTLP_{signal.upper()}_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"):
        pairs = [each for each in os.environ.get(variable, "").split(",") if each.strip()]
        if not all(parse_env_headers(each, liberal=True) for each in pairs):
            words = "has a header that is not written as name=value, and is not sent"
            tell("bad-setting", f"{variable} {words}", about=variable)
