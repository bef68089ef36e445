"""Which exporters the standard `OTEL_*` variables ask for; none configured means a recording."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from importlib_metadata import entry_points
from opentelemetry.util.re import parse_env_headers

from autoinstrument.process.foreign import description_of, words_of
from autoinstrument.process.guard import is_interruption
from autoinstrument.process.notices import tell
from autoinstrument.process.quiet import unheard
from autoinstrument.process.settings import settings

from .recording import Recording

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricExporter
    from opentelemetry.sdk.trace.export import SpanExporter

_VARIABLE = re.compile(r"\bOTEL_[A-Z_]+\b")
_OTLP = {"grpc": "otlp_proto_grpc", "http/protobuf": "otlp_proto_http"}


def exporters() -> list[SpanExporter | Recording]:
    """Return what spans are exported to; one that cannot be had is told, and the others serve."""
    names, record = _wanted("TRACES"), settings().record
    with unheard:
        loaded = [_load("traces", name) for name in names]
    found: list[SpanExporter | Recording] = [each for each in loaded if each is not None]
    if record is not None or not (names or _switched_off("TRACES")):
        found.append(Recording(record))
    return found


def metric_exporters() -> list[MetricExporter]:
    """Return what metrics are exported to, beside the recording, by the same rules."""
    with unheard:
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
    if name in _OTLP.values():
        _tell_of_headers(signal)
    for entry in entry_points(group=f"opentelemetry_{signal}_exporter", name=name):
        try:
            exporter = _class(signal, entry)()
        except ImportError:
            break
        except Exception as error:
            if is_interruption(error):
                raise
            named = " and ".join(_variables(words_of(error))) or "its settings"
            words = f"the exporter {name!r} cannot be created: {description_of(error)}"
            words = f"{words}; correct {named}"
            tell("exporter-unusable", words, name)
            return None
        return exporter
    remedy = (
        "run: pip install 'autoinstrument[otlp]'"
        if name in _OTLP.values()
        else "install the package that provides it"
    )
    tell("exporter-missing", f"the exporter {name!r} is not installed; {remedy}", name)
    return None


def _tell_of_headers(signal: str) -> None:
    """Warn of headers that no request will have, since they are not written as they must be."""
    for variable in (f"OTEL_EXPORTER_OTLP_{signal.upper()}_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"):
        if not all(parse_env_headers(each, liberal=True) for each in _words(variable)):
            words = "has a header that is not written as name=value, and is not sent"
            tell("bad-setting", f"{variable} {words}", about=variable)


def _variables(words: str) -> list[str]:
    """Return the variables that an exporter's words name, or whose values they quote."""
    named = set(_VARIABLE.findall(words))
    for name, value in os.environ.items():
        if name.startswith("OTEL_") and repr(value.strip()) in words:
            named.add(name)
    return sorted(named)


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


def _words(variable: str) -> list[str]:
    return [word.strip() for word in os.environ.get(variable, "").split(",") if word.strip()]


def _first(*variables: str) -> str | None:
    values = (os.environ.get(name, "").strip() for name in variables)
    return next((value for value in values if value), None)
