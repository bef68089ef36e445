"""Which traces are recorded, and whether messages carry their context."""

from __future__ import annotations

import os

from importlib_metadata import entry_points
from opentelemetry.context import Context

from autoinstrument.process.bad_settings import shown
from autoinstrument.process.settings import settings
from autoinstrument.tracing.injection import injected
from autoinstrument.tracing.operation import Operation

from .line import Line

_ALL = {"", "always_on", "parentbased_always_on"}
_NOTHING = {"always_off", "parentbased_always_off"}
_RATIO = {"traceidratio", "parentbased_traceidratio"}


def sampler() -> Line:
    """Return which traces are recorded."""
    name = os.environ.get("OTEL_TRACES_SAMPLER", "").lower()  # with its spaces, as the SDK has it
    if name in _ALL or not name.strip():
        return Line("ok", "sampler", "every trace is recorded")
    ratio = _ratio(name)
    if name in _NOTHING or ratio == 0:
        return _off(name)
    if name in _RATIO and ratio is None:
        return _ignored("OTEL_TRACES_SAMPLER_ARG", "a number from 0 to 1")
    if not entry_points(group="opentelemetry_traces_sampler", name=name):
        accepted = sorted(entry_points(group="opentelemetry_traces_sampler").names)
        return _ignored("OTEL_TRACES_SAMPLER", ", ".join(accepted))
    share = "" if ratio is None else f" with ratio {ratio:g}"
    return Line("ok", "sampler", f"{name}{share} decides which traces are recorded")


def propagation() -> Line:
    """Return which headers a message would get."""
    span = Operation()
    span.outer, span.ids, span.flags = Context(), bytes([1]) * 24, 1
    headers = injected(None, span, b"00-...")
    if settings().propagate and headers:
        names = ", ".join(name for name, _ in headers)
        return Line("ok", "propagation", f"messages carry trace context in these headers: {names}")
    variable = "OTEL_PROPAGATORS" if settings().propagate else "AUTOINSTRUMENT_PROPAGATE"
    return Line(
        "off",
        "propagation-off",
        f"messages carry no trace context because of {variable}",
        "Consumers start new traces.",
        "To have traces continue in the consumers, remove the variable.",
    )


def _ratio(name: str) -> float | None:
    if name not in _RATIO:
        return None
    try:
        ratio = float(os.environ.get("OTEL_TRACES_SAMPLER_ARG", "").strip() or 1)
    except ValueError:
        return None
    return ratio if 0 <= ratio <= 1 else None


def _off(name: str) -> Line:
    kept = bool(os.environ.get("AUTOINSTRUMENT_KEEP", "").strip()) or name in _RATIO
    what = "only what AUTOINSTRUMENT_KEEP names" if kept else "nothing"
    return Line(
        "warning",
        "sampler-off",
        f"OTEL_TRACES_SAMPLER is {name}: {what} is recorded",
        "Ordinary writes have no spans.",
        "To have spans of every write, remove the variable.",
    )


def _ignored(variable: str, accepted: str) -> Line:
    return Line(
        "warning",
        "bad-setting",
        f"{shown(variable, os.environ[variable].strip())} is ignored; accepted: {accepted}",
        "Every trace is recorded.",
        "Correct or remove the variable.",
    )
