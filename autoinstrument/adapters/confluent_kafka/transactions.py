"""Transactions of confluent-kafka's producer, which decide on what was acknowledged in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autoinstrument.adapter import Transaction, committing, deciding

from .answers import serve
from .writes import guard, traced_producer

if TYPE_CHECKING:
    from collections.abc import Callable


def transactions(original: Any) -> dict[str, Callable[..., Any]]:
    """Return the replacements for what begins and ends a transaction in a producer class."""

    def begin_transaction(self: Any, *args: Any) -> Any:
        result = original.begin_transaction(self, *args)
        with guard:
            traced = traced_producer(self)
            if traced is not None:
                traced.begin_transaction()
        return result

    def commit_transaction(self: Any, *args: Any) -> Any:
        with committing(guard, traced_producer(self), _can_abort):
            return serve(original.commit_transaction, self, args, {})

    def abort_transaction(self: Any, *args: Any) -> Any:
        with deciding(guard, traced_producer(self), Transaction.aborted):
            return serve(original.abort_transaction, self, args, {})

    return {
        "begin_transaction": begin_transaction,
        "commit_transaction": commit_transaction,
        "abort_transaction": abort_transaction,
    }


def _can_abort(error: Exception) -> bool:
    cause = error.args[0] if error.args else None
    return bool(getattr(cause, "txn_requires_abort", bool)())
