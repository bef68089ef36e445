"""Where a unit of work is current in this interpreter, and where not."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from contextlib import suppress

from autoinstrument.process import threads
from autoinstrument.process.foreign import description_of
from autoinstrument.process.settings import settings

from .line import Line

_INSTRUMENTATION = "opentelemetry.instrumentation.threading"
_NOT_FOLLOWED = "units of work do not extend into threads and pools"
_INSTALL = f"{sys.executable} -m pip install opentelemetry-instrumentation-threading"
_AWAITED = "aiokafka", "confluent_kafka.aio"


def lines() -> list[Line]:
    """Return a line about threads, and one about tasks where a client has coroutines."""
    if not settings().consumers:
        return []
    return [_in_threads(), *_in_tasks()]


def _in_threads() -> Line:
    if threads.can_follow():
        return Line("ok", "threads", "units of work extend into threads and pools")
    error = _failure_of(_INSTRUMENTATION)
    if not error:
        return Line("ok", "threads", f"{_NOT_FOLLOWED}; to have that, run: {_INSTALL}")
    return Line(
        "warning",
        "threads",
        f"{_NOT_FOLLOWED}: {error}",
        "Writes from there start new traces.",
        "Fix the cause of the import error; no package is missing.",
    )


def _failure_of(module: str) -> str:
    """Return why a module that is installed cannot be imported; nothing if it is not installed."""
    if not _is_here(module):
        return ""
    try:
        importlib.import_module(module)
    except Exception as error:  # noqa: BLE001 - a propagator that is not there is a ValueError
        return f"{module} fails with {description_of(error)}"
    return ""


def _in_tasks() -> list[Line]:
    if sys.version_info >= (3, 12) or not any(map(_is_here, _AWAITED)):
        return []
    return [
        Line(
            "ok",
            "wait-for",
            "a unit of work is current where a message is awaited, except through asyncio.wait_for,"
            " which has a task of its own before Python 3.12",
        )
    ]


def _is_here(module: str) -> bool:
    with suppress(ImportError):
        return importlib.util.find_spec(module) is not None
    return False
