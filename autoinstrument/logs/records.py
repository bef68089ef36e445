"""Adds trace ids to log records, for formats that name them.

`otelTraceID`, `otelSpanID`, `otelTraceSampled` and `otelServiceName` are those of OpenTelemetry's
own instrumentation of logging; `profile_root_span_id` is the span of the unit of work, or the root
span that is current, as 16 hexadecimal digits. What there is not is "0", for a format and as an
attribute; the record's dictionary, which formatters of JSON dump, has only what there is.

This module is imported with `logging`, so it imports nothing that an interpreter has not loaded.
"""

from __future__ import annotations

import sys
from functools import wraps
from threading import local

from autoinstrument.process.guard import Guard
from autoinstrument.process.service import service_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_guard = Guard("the correlation of logs")
_own = local()
# A process has one factory of log records, and one tracing that makes units of work.
_records: _Records | None = None
_unit_key: str | None = None


def install(logging: Any) -> None:
    """Add the fields to each log record, whatever record factories the application sets."""
    global _records  # noqa: PLW0603 - the process's one
    if _records is not None:
        return
    with _guard:
        _records = _Records(logging)
        logging.setLogRecordFactory(_records)
        logging.getLogRecordFactory = _records.get
        logging.setLogRecordFactory = _records.set
        logging.PercentStyle.format = _formatting(logging.PercentStyle.format)
        for name, value in _NONE.items():
            setattr(logging.LogRecord, name, value)


def find_units(key: str) -> None:
    """Know from now on where a context keeps the unit of work that it belongs to."""
    global _unit_key  # noqa: PLW0603 - see above
    _unit_key = key


def uninstall() -> None:
    """Give the record factory back to the application."""
    global _records  # noqa: PLW0603 - the process's one
    if _records is not None:
        _records.leave()
        _records = None


class _Records:
    """The factory that `logging` calls; it calls the application's, which sees nothing of it."""

    def __init__(self, logging: Any) -> None:
        self._logging = logging
        self._originals = logging.getLogRecordFactory, logging.setLogRecordFactory
        self._format = logging.PercentStyle.format
        self._factory: Callable[..., Any] = logging.getLogRecordFactory()

    def get(self) -> Callable[..., Any]:
        """Return the factory to be used when instantiating a log record."""
        return self._factory

    def set(self, factory: Callable[..., Any]) -> None:
        """Set the factory to be used when instantiating a log record."""
        self._factory = factory

    def leave(self) -> None:
        self._logging.getLogRecordFactory, self._logging.setLogRecordFactory = self._originals
        self._logging.PercentStyle.format = self._format
        for name in _NONE:
            delattr(self._logging.LogRecord, name)
        self._logging.setLogRecordFactory(self._factory)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        record = self._factory(*args, **kwargs)
        if not _guard.is_off:
            with _guard:
                _add_fields(record, sys._getframe(1))  # noqa: SLF001 - see there
        return record


class _ServiceName:
    """The same for all records, and not known when their class is made."""

    def __get__(self, *_: object) -> str:
        return service_name()


_NONE = {
    "otelTraceID": "0",
    "otelSpanID": "0",
    "otelTraceSampled": False,
    "otelServiceName": _ServiceName(),
    "profile_root_span_id": "0",
}
"""What records are without: attributes of their class."""


def _formatting(original: Callable[[Any, Any], str]) -> Callable[[Any, Any], str]:
    """Return a style's `format`, of `%`, `{` and `$`, for which records have all fields."""

    @wraps(original)
    def format_all(style: Any, record: Any) -> str:
        try:
            return original(style, record)
        except ValueError as error:
            missing = error.__context__
            if not isinstance(missing, KeyError) or missing.args[0] not in _NONE:
                raise
        return original(style, _with_all_fields(record))

    return format_all


def _with_all_fields(record: Any) -> Any:
    twin: Any = object.__new__(type(record))
    vars(twin).update({**_NONE, "otelServiceName": service_name(), **vars(record)})
    return twin


def _add_fields(record: Any, caller: Any) -> None:
    ids = getattr(_own, "ids", None) or _current()
    if ids is None:
        return
    found = vars(record)
    # Logger.makeRecord() refuses an `extra` that a record has already: its own comes first.
    given = caller.f_locals.get("extra") if caller.f_code.co_name == "makeRecord" else None
    trace_id, span_id, is_sampled, root_id = ids
    for name, value in (
        ("otelTraceID", trace_id),
        ("otelSpanID", span_id),
        ("otelTraceSampled", is_sampled),
        ("otelServiceName", service_name()),
        ("profile_root_span_id", root_id),
    ):
        if name not in found and not (given and name in given):
            found[name] = value


def _current() -> tuple[str, str, bool, str] | None:
    """Return the current span, if any; there is none while OpenTelemetry is not imported."""
    trace = sys.modules.get("opentelemetry.trace")
    context = sys.modules.get("opentelemetry.context")
    if trace is None or context is None or not hasattr(trace, "get_current_span"):
        return None
    span = trace.get_current_span()
    own = span.get_span_context()
    if not own.is_valid:
        return None
    unit = None if _unit_key is None else context.get_value(_unit_key)
    if unit is not None:
        root = f"{unit.span_id:016x}"
    else:
        parent = getattr(span, "parent", own)
        root = f"{own.span_id:016x}" if parent is None or parent.is_remote else "0"
    return f"{own.trace_id:032x}", f"{own.span_id:016x}", own.trace_flags.sampled, root


class speaking_of:  # noqa: N801 - a `with` block, as contextlib's own
    """A block whose log records belong to the trace with these ids, whatever is current."""

    def __init__(self, trace_id: int, span_id: int, root_id: int, *, sampled: bool) -> None:
        self._ids = f"{trace_id:032x}", f"{span_id:016x}", sampled, f"{root_id:016x}"

    def __enter__(self) -> None:
        _own.ids = self._ids

    def __exit__(self, *_: object) -> None:
        _own.ids = None
