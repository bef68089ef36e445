"""Tells a trace context of the application's own from one that only came along with its headers."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from .enclosing import ENCLOSING
from .operation import Operation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.trace import SpanContext

    from .unit import Unit


def gives_way(
    context: SpanContext, values: Sequence[Any], write: Operation, unit: Unit | None
) -> bool:
    """Whether `context`, which the application gave the message in `values`, is none of its own.

    It has injected what is current, as we would do it, or the agent has for a write that encloses
    this one; or the header is copied from the message of `unit`, in which it is written.
    """
    parent, enclosing = write.parent, write.outer.get(ENCLOSING)
    if parent is not None and _is_same(context, parent):
        return True
    if isinstance(enclosing, Operation) and context.span_id == enclosing.span_id:
        return True
    return unit is not None and _is_copied(context, values, unit, parent)


def _is_copied(
    context: SpanContext, values: Sequence[Any], unit: Unit, parent: SpanContext | None
) -> bool:
    """Whether `context` was handed on from the message of `unit`.

    On the wire, a copy and what a program made are the same bytes. The very object that the client
    returned is a copy. Another of equal words has been decoded and encoded on its way, or was made
    by a program that traces itself, which has a span of its own as `parent`.
    """
    incoming = unit.incoming
    if incoming is None or not _is_same(context, incoming):
        return False
    is_of_unit = parent is not None and parent.span_id == unit.span_id
    return is_of_unit or _are_identical(values, unit.contexts)


def _is_same(one: SpanContext, other: SpanContext) -> bool:
    """Whether both name one span, whatever else they say of it."""
    return (one.trace_id, one.span_id) == (other.trace_id, other.span_id)


def _are_identical(values: Sequence[Any], others: Sequence[Any]) -> bool:
    return len(values) == len(others) and all(map(operator.is_, values, others))
