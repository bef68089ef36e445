"""A copy of a publisher's headers that carries the trace context."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autoinstrument.adapter import Headers, Write

ACCEPTED = "a dict, or a list or tuple of pairs, with values of str or bytes"
# Not their subclasses: a copy of one may share with the original what it keeps beside its items.
_DICTS = (dict, OrderedDict)
_LISTS = (list, tuple)
_PAIR = 2


def readable(headers: Any) -> Headers | None:
    """Return the headers as a dict or a list; None if they are of another type."""
    if type(headers) in _DICTS:
        return dict(headers)
    return list(headers) if type(headers) in _LISTS else None


def with_context(headers: Any, write: Write) -> Any:
    """Return a copy of `headers` with the context of `write`, of the same type; None: no change.

    None or a missing argument stays so: a publisher may well put its own headers in that place.
    """
    kind = type_of_values(headers)
    sent = None if kind is None else write.headers(readable(headers))
    if sent is None:
        return None
    return type(headers)(_with_text(sent) if kind is str else sent)


def type_of_values(headers: Any) -> type | None:
    """Return whether a further header has to be str or bytes; None if that cannot be known.

    With no value to go by, a dict gets str, and a list bytes, which Kafka's clients take.
    """
    headers = readable(headers)
    if headers is None:
        return None
    if isinstance(headers, dict):
        kinds = set(map(type, headers.values()))
    elif all(type(pair) is tuple and len(pair) == _PAIR for pair in headers):
        kinds = {type(value) for _, value in headers}
    else:
        return None
    kinds.discard(type(None))
    if not kinds:
        return str if isinstance(headers, dict) else bytes
    return None if kinds - {str, bytes} else str if kinds == {str} else bytes


def _with_text(headers: Headers) -> Headers:
    if isinstance(headers, dict):
        return {name: _text(value) for name, value in headers.items()}
    return [(name, _text(value)) for name, value in headers]


def _text(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value
