"""Which exporters the standard `OTEL_*` variables ask for; none configured means a recording."""

from __future__ import annotations

import os
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
    is_otlp = name in otlp_settings.PACKAGES.values()
    for entry in found.select(name=name):
        try:
            made = _class(signal, entry)
            arguments = otlp_settings.corrections(signal, name, made) if is_otlp else {}
            exporter = made(**arguments)
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
    words = f"the exporter {name!r} is not installed; run: pip install 'autoinstrument[otlp]'"
    if not is_otlp:
        words = f"{_variable(signal)} names {cut(name, KEY)!r}, which is no exporter that is"
        accepted = ", ".join(sorted({"none", "otlp", *found.names}))
        words = f"{words} installed here; accepted: {accepted}, or install the package that has it"
    tell("exporter-missing", words, about=name)
    return None


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
