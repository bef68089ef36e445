"""What the standard `OTEL_*` variables ask of the agent's own pipeline, beside its exporters."""

from __future__ import annotations

import os
from typing import Any

from importlib_metadata import entry_points
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits

from autoinstrument.process.bad_settings import refuse
from autoinstrument.process.limits import cut
from autoinstrument.process.notices import tell
from autoinstrument.process.quiet import unheard, unheard_in_all_threads
from autoinstrument.process.service import program

_RATIO = "traceidratio"
_COUNTS = (128,) * 6
_LENGTHS = (SpanLimits.UNSET,) * 2
"""With the counts, what the SDK limits spans by where no variable says otherwise."""


def resource() -> Resource:
    """Return what spans and metrics say of this process."""
    pairs = os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "").split(",")
    if not all("=" in pair for pair in pairs if pair.strip()):
        words = "OTEL_RESOURCE_ATTRIBUTES has an attribute that is not written as name=value"
        tell("bad-setting", f"{words}, and is left out", about="OTEL_RESOURCE_ATTRIBUTES")
    try:
        with unheard, unheard_in_all_threads("opentelemetry.sdk.resources"):
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
    argument = os.environ.get("OTEL_TRACES_SAMPLER_ARG", "").strip()
    found = entry_points(group="opentelemetry_traces_sampler")
    for entry in found.select(name=name):
        if not entry.value.startswith("opentelemetry.sdk."):
            return entry.load()(os.environ.get("OTEL_TRACES_SAMPLER_ARG"))
    if name and name.lower() not in found.names:
        refuse("OTEL_TRACES_SAMPLER", name, ", ".join(sorted(found.names)))
    elif name.lower().endswith(_RATIO) and argument and not _is_ratio(argument):
        refuse("OTEL_TRACES_SAMPLER_ARG", argument, "a number from 0 to 1")
    return None


def id_generator() -> Any:
    """Return what makes ids, as a variable names it; None if nothing has that name."""
    name = os.environ.get("OTEL_PYTHON_ID_GENERATOR", "").strip() or "random"
    found = entry_points(group="opentelemetry_id_generator")
    for entry in found.select(name=name):
        return entry.load()()
    refuse("OTEL_PYTHON_ID_GENERATOR", name, ", ".join(sorted(found.names)))
    return None


def number(variable: str, default: int) -> int:
    """Return the positive number that a variable holds; warn once of a bad value."""
    value = os.environ.get(variable, "").strip()
    if not value:
        return default
    if value.isdigit() and int(value) > 0:
        return int(value)
    refuse(variable, value, "a positive whole number")
    return default


def _is_ratio(text: str) -> bool:
    try:
        return 0 <= float(text) <= 1
    except ValueError:
        return False
