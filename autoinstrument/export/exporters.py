"""Which exporters the standard `OTEL_*` variables ask for; none configured means a recording."""

from __future__ import annotations

import os
import platform
import re
from typing import TYPE_CHECKING, Any

from importlib_metadata import entry_points

from autoinstrument.process.foreign import description_of, words_of
from autoinstrument.process.guard import is_interruption
from autoinstrument.process.limits import KEY, cut
from autoinstrument.process.notices import tell
from autoinstrument.process.quiet import unheard
from autoinstrument.process.settings import settings

from . import otlp_settings
from .recording import Recording

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricExporter
    from opentelemetry.sdk.trace.export import SpanExporter

_VARIABLE = re.compile(r"\bOTEL_[A-Z_]+\b")
_EXTRAS = {"otlp_proto_grpc": "otlp-grpc", "otlp_proto_http": "otlp"}


def exporters() -> list[SpanExporter | Recording]:
    """Return what spans are exported to; one that cannot be had is told, and the others serve."""
    names, record = _wanted("traces"), settings().record
    with unheard:
        loaded = [_load("traces", name) for name in names]
    found: list[SpanExporter | Recording] = [each for each in loaded if each is not None]
    if record is not None or not (names or _switched_off("traces")):
        found.append(Recording(record))
    return found


def metric_exporters() -> list[MetricExporter]:
    """Return what metrics are exported to, beside the recording, by the same rules."""
    with unheard:
        loaded = [_load("metrics", name) for name in _wanted("metrics")]
    return [each for each in loaded if each is not None]


def _wanted(signal: str) -> list[str]:
    named = [name for name in _words(_variable(signal)) if name != "none"]
    if not named and not _switched_off(signal) and otlp_settings.setting(signal, "ENDPOINT")[1]:
        named = ["otlp"]
    return [otlp_settings.entry_point(signal) if name == "otlp" else name for name in named]


def _switched_off(signal: str) -> bool:
    return "none" in _words(_variable(signal))


def _variable(signal: str) -> str:
    return f"OTEL_{signal.upper()}_EXPORTER"


def _load(signal: str, name: str) -> Any:
    found = entry_points(group=f"opentelemetry_{signal}_exporter")
    for entry in found.select(name=name):
        made = _imported(entry)
        return None if made is None else _created(signal, name, made)
    if name in _EXTRAS:
        remedy = f"run: pip install 'autoinstrument[{_EXTRAS[name]}]'"
        words = f"the exporter {name!r} is not installed; {remedy}"
    else:
        accepted = ", ".join(sorted({"none", "otlp", *found.names}))
        words = (
            f"{_variable(signal)} names {cut(name, KEY)!r}, which is no exporter that is installed"
            f" here; accepted: {accepted}, or install the package that has it"
        )
    tell("exporter-missing", words, about=name)
    return None


def _imported(entry: Any) -> Any:
    """Return what an entry point names; None if that is for another Python, or lacks a package."""
    try:
        return entry.load()
    except Exception as error:
        if is_interruption(error):
            raise
        name, python = entry.name, f"Python {platform.python_version()}"
        words = f"the exporter {name!r} is installed, but does not load on {python}"
        remedy = f"run with its pip: pip install --force-reinstall {entry.dist.name}"
        tell("exporter-unloadable", f"{words}: {description_of(error)}; {remedy}", name)
        return None


def _created(signal: str, name: str, made: Any) -> Any:
    try:
        _require_exporter(signal, made)
        return made(**(otlp_settings.corrections(signal, name, made) if name in _EXTRAS else {}))
    except Exception as error:
        if is_interruption(error):
            raise
        named = " or ".join(_variables(words_of(error)) or _given()) or "its settings"
        words = f"the exporter {name!r} cannot be created: {description_of(error)}"
        tell("exporter-unusable", f"{words}; correct {named}", name)
        return None


def _given() -> list[str]:
    return sorted(name for name in os.environ if name.startswith("OTEL_EXPORTER_"))


def _variables(words: str) -> list[str]:
    """Return the variables that an exporter's words name, or whose values they quote."""
    named = set(_VARIABLE.findall(words))
    for name, value in os.environ.items():
        if name.startswith("OTEL_") and repr(value.strip()) in words:
            named.add(name)
    return sorted(named)


def _require_exporter(signal: str, made: Any) -> None:
    """Refuse a reader by the name of an exporter, which would open a port when it is made."""
    if signal == "metrics" and isinstance(made, type):
        from opentelemetry.sdk.metrics.export import (  # noqa: PLC0415 - only where one is loaded
            MetricExporter,
        )

        if not issubclass(made, MetricExporter):
            raise TypeError(f"{made.__name__} is no MetricExporter")


def _words(variable: str) -> list[str]:
    return [word.strip() for word in os.environ.get(variable, "").split(",") if word.strip()]
