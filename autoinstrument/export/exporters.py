"""Which exporters the standard `OTEL_*` variables ask for; none configured means a recording."""

from __future__ import annotations

import logging
import os
import re
import threading
from typing import TYPE_CHECKING, Any

from importlib_metadata import entry_points

from autoinstrument.process.guard import is_interruption
from autoinstrument.process.notices import tell
from autoinstrument.process.settings import settings

from .recording import Recording

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricExporter
    from opentelemetry.sdk.trace.export import SpanExporter

complained = threading.Event()
"""Set when an exporter has logged that it could not export, before it tries once more."""
_OTLP = {"grpc": "otlp_proto_grpc", "http/protobuf": "otlp_proto_http"}


def exporters() -> list[SpanExporter | Recording]:
    """Return what spans are exported to; one that cannot be had is told, and the others serve."""
    names, record = _wanted("TRACES"), settings().record
    loaded = [_load("traces", name) for name in names]
    found: list[SpanExporter | Recording] = [each for each in loaded if each is not None]
    if record is not None or not (names or _switched_off("TRACES")):
        found.append(Recording(record))
    return found


def metric_exporters() -> list[MetricExporter]:
    """Return what metrics are exported to, beside the recording, by the same rules."""
    loaded = [_load("metrics", name) for name in _wanted("METRICS")]
    return [each for each in loaded if each is not None]


def _wanted(signal: str) -> list[str]:
    named = [name for name in _words(f"OTEL_{signal}_EXPORTER") if name != "none"]
    if not named and not _switched_off(signal) and _otlp_endpoint(signal):
        named = ["otlp"]
    return [_otlp_entry_point(signal) if name == "otlp" else name for name in named]


def _switched_off(signal: str) -> bool:
    return "none" in _words(f"OTEL_{signal}_EXPORTER")


def _otlp_endpoint(signal: str) -> str | None:
    return _first(f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


def _otlp_entry_point(signal: str) -> str:
    protocol = _first(f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
    if protocol is not None and protocol not in _OTLP:
        words = f"OTLP protocol {protocol!r} is ignored; accepted: {', '.join(_OTLP)}"
        tell("bad-setting", words, about=f"OTLP protocol {protocol}")
    return _OTLP.get(protocol or "", "otlp_proto_http")


def _load(signal: str, name: str) -> Any:
    for entry in entry_points(group=f"opentelemetry_{signal}_exporter", name=name):
        try:
            exporter = _class(signal, entry)()
        except ImportError:
            break
        except Exception as error:
            if is_interruption(error):
                raise
            words = f"{type(error).__name__}: {error}"
            words = f"the exporter {name!r} cannot be created: {words}; correct its settings"
            tell("exporter-unusable", words, name)
            return None
        _silence(exporter)
        return exporter
    remedy = (
        "run: pip install 'autoinstrument[otlp]'"
        if name in _OTLP.values()
        else "install the package that provides it"
    )
    tell("exporter-missing", f"the exporter {name!r} is not installed; {remedy}", name)
    return None


def _class(signal: str, entry: Any) -> Any:
    """Return what makes an exporter.

    Some packages have a reader by the name of an exporter, which opens a port when it is made.
    """
    made = entry.load()
    if signal == "metrics" and isinstance(made, type):
        from opentelemetry.sdk.metrics.export import (  # noqa: PLC0415 - only where one is loaded
            MetricExporter,
        )

        if not issubclass(made, MetricExporter):
            raise TypeError(f"{made.__name__} is no MetricExporter")
    return made


def _silence(exporter: object) -> None:
    """Keep an exporter's own log lines, one a retry, out of the application's log.

    They are logged by the exporter's modules; what they mean for the user is told as one warning.
    """
    package = re.split(r"\.(?:trace|metric)_exporter", type(exporter).__module__)[0]
    for name in list(logging.root.manager.loggerDict):
        if name.startswith((package, "opentelemetry.exporter.otlp")):
            logging.getLogger(name).addFilter(_not_from_our_thread)


def _not_from_our_thread(_: logging.LogRecord) -> bool:
    if threading.current_thread().name != "autoinstrument":
        return True
    complained.set()
    return False


def _words(variable: str) -> list[str]:
    return [word.strip() for word in os.environ.get(variable, "").split(",") if word.strip()]


def _first(*variables: str) -> str | None:
    values = (os.environ.get(name, "").strip() for name in variables)
    return next((value for value in values if value), None)
