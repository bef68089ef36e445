"""What the standard `OTEL_*` variables ask of the agent's own pipeline, beside its exporters."""

from __future__ import annotations

import os
from typing import Any

from importlib_metadata import entry_points
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits

from autoinstrument.process.limits import cut
from autoinstrument.process.notices import tell
from autoinstrument.process.service import program

_COUNTS = (128,) * 6
_LENGTHS = (SpanLimits.UNSET,) * 2
"""With the counts, what the SDK limits spans by where no variable says otherwise."""


def resource() -> Resource:
    """Return what spans and metrics say of this process."""
    try:
        found = Resource.create({"process.pid": os.getpid()})
    except RuntimeError:  # detectors run in threads, which cannot be started during exit
        return Resource.get_empty()
    known = {
        cut(name): cut(value) if isinstance(value, str) else value
        for name, value in found.attributes.items()
    }
    if str(known.get("service.name", "")).startswith("unknown_service"):
        known["service.name"] = cut(program())
    return Resource(known, found.schema_url)


def span_limits() -> SpanLimits:
    """Return what the variables limit spans by; the SDK's defaults where one is wrong."""
    try:
        return SpanLimits()
    except ValueError as error:
        tell("bad-setting", f"{error}; the defaults of all limits are used", about="limits")
        return SpanLimits(*_COUNTS, *_LENGTHS)


def sampler() -> Any:
    """Return a sampler of a third party; None for those that the SDK itself knows by name."""
    name = os.environ.get("OTEL_TRACES_SAMPLER", "").strip()
    for entry in entry_points(group="opentelemetry_traces_sampler", name=name):
        if not entry.value.startswith("opentelemetry.sdk."):
            return entry.load()(os.environ.get("OTEL_TRACES_SAMPLER_ARG"))
    return None


def id_generator() -> Any:
    """Return what makes ids, as a variable names it; None if nothing has that name."""
    name = os.environ.get("OTEL_PYTHON_ID_GENERATOR", "random").strip()
    for entry in entry_points(group="opentelemetry_id_generator", name=name):
        return entry.load()()
    return None


def number(variable: str, default: int) -> int:
    """Return the positive number that a variable holds; warn once of a bad value."""
    value = os.environ.get(variable, "").strip()
    if not value:
        return default
    if value.isdigit() and int(value) > 0:
        return int(value)
    words = f"{variable}={value!r} is ignored; accepted: a positive whole number"
    tell("bad-setting", words, about=variable)
    return default
