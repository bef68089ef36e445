"""What the standard `OTEL_*` variables ask of the agent's own pipeline, beside its exporters."""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from typing import Any

from importlib_metadata import entry_points
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits

from autoinstrument.process.bad_settings import refuse
from autoinstrument.process.foreign import description_of
from autoinstrument.process.guard import is_interruption
from autoinstrument.process.limits import cut
from autoinstrument.process.notices import tell
from autoinstrument.process.quiet import unheard, unheard_in_all_threads
from autoinstrument.process.service import program

_RATIO = "traceidratio"
_VARIABLE = re.compile(r"OTEL_\w+")
_DETECTORS = "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS"
_OF_DETECTORS = ("opentelemetry.sdk.resources", "opentelemetry.attributes")
"""Loggers that are used in the threads of detectors."""
_IDS = "OTEL_PYTHON_ID_GENERATOR"
_SAMPLER = "OTEL_TRACES_SAMPLER"
_ARGUMENT = "OTEL_TRACES_SAMPLER_ARG"
_COUNTS = (128,) * 6
_LENGTHS = (SpanLimits.UNSET,) * 2
"""With the counts, what the SDK limits spans by where no variable says otherwise."""


def tell_of_words() -> None:
    """Warn of what has been read as something else before the agent could say so."""
    value = os.environ.get("OTEL_SDK_DISABLED", "").strip()
    if value.lower() not in {"", "true", "false"}:
        refuse("OTEL_SDK_DISABLED", value, "true, false")
    context = os.environ.get("OTEL_PYTHON_CONTEXT", "")
    if context:
        known = entry_points(group="opentelemetry_context").names
        if context not in known:
            refuse("OTEL_PYTHON_CONTEXT", context, ", ".join(sorted(known)))


def resource() -> Resource:
    """Return what spans and metrics say of this process."""
    pairs = os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "").split(",")
    if not all(_is_pair(pair) for pair in pairs if pair.strip()):
        words = "OTEL_RESOURCE_ATTRIBUTES has an attribute that is not written as name=value"
        tell("bad-setting", f"{words}, and is left out", about="OTEL_RESOURCE_ATTRIBUTES")
    _tell_of_detectors()
    try:
        with unheard, unheard_in_all_threads(*_OF_DETECTORS):
            found = Resource.create({"process.pid": os.getpid()})
    except RuntimeError:  # detectors run in threads, which cannot be started during exit
        return Resource.get_empty()
    known = {
        cut(name): cut(value) if isinstance(value, str) else value
        for name, value in found.attributes.items()
        if name
    }
    if str(known.get("service.name", "")).startswith("unknown_service"):
        known["service.name"] = cut(program())
    return Resource(known, found.schema_url)


def _is_pair(text: str) -> bool:
    name, sign, _ = text.partition("=")
    return bool(name.strip() and sign)


def _tell_of_detectors() -> None:
    names = {name.strip() for name in os.environ.get(_DETECTORS, "").split(",") if name.strip()}
    known = entry_points(group="opentelemetry_resource_detector").names if names else set()
    unknown = names - known - {"*"}
    if unknown:
        refuse(_DETECTORS, ",".join(sorted(unknown)), ", ".join([*sorted(known), "*"]))


def span_limits() -> SpanLimits:
    """Return what the variables limit spans by; the SDK's defaults where one is wrong."""
    try:
        return SpanLimits()
    except ValueError as error:
        accepted = "a whole number, or nothing; the defaults of all limits are used"
        for variable in _VARIABLE.findall(str(error))[:1]:
            refuse(variable, os.environ.get(variable, ""), accepted)
        return SpanLimits(*_COUNTS, *_LENGTHS)


def sampler() -> Any:
    """Return a sampler of a third party; None for those that the SDK itself knows by name."""
    name = os.environ.get(_SAMPLER, "")  # with its spaces, as the SDK has it
    argument = os.environ.get(_ARGUMENT, "").strip()
    found = entry_points(group="opentelemetry_traces_sampler")
    for entry in found.select(name=name):
        if not entry.value.startswith("opentelemetry.sdk."):
            return _made(_SAMPLER, entry, os.environ.get(_ARGUMENT))
    if name.strip() and name.lower() not in found.names:
        refuse(_SAMPLER, name, ", ".join(sorted(found.names)))
    elif name.lower().endswith(_RATIO) and argument and not _is_ratio(argument):
        refuse(_ARGUMENT, argument, "a number from 0 to 1")
    return None


def id_generator() -> Any:
    """Return what makes ids, as a variable names it; None if nothing has that name."""
    name = os.environ.get(_IDS, "").strip() or "random"
    found = entry_points(group="opentelemetry_id_generator")
    for entry in found.select(name=name):
        return _made(_IDS, entry)
    refuse(_IDS, name, ", ".join(sorted(found.names)))
    return None


def _made(variable: str, entry: Any, *args: Any) -> Any:
    """Return what an entry point makes; None if it cannot."""
    try:
        return entry.load()(*args)
    except Exception as error:
        if is_interruption(error):
            raise
        words = f"{variable}: {entry.name!r} cannot be created: {description_of(error)}"
        tell("bad-setting", f"{words}; the default is used", about=variable)
        return None


def number(variable: str, default: int) -> int:
    """Return the positive number that a variable holds; warn once of a bad value."""
    value = os.environ.get(variable, "").strip()
    if not value:
        return default
    with suppress(ValueError):  # of more digits than Python reads, too
        if 0 < int(value) <= sys.maxsize:
            return int(value)
    refuse(variable, value, "a positive whole number")
    return default


def _is_ratio(text: str) -> bool:
    try:
        return 0 <= float(text) <= 1
    except ValueError:
        return False
