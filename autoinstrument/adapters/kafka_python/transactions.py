"""kafka-python's transactions, and the end of a producer, which decides on the last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autoinstrument.adapter import Transaction, committing, deciding

if TYPE_CHECKING:
    from collections.abc import Callable

    from autoinstrument.adapter import Guard, TracedProducer


def transactions(
    originals: dict[str, Callable[..., Any]],
    traced_producer: Callable[[Any], TracedProducer | None],
    trace_producer: Callable[[Any], TracedProducer | None],
    guard: Guard,
) -> dict[str, Callable[..., Any]]:
    """Return the replacements for the methods of a producer that decide on what it has written.

    `traced_producer` finds what is traced of a producer; `trace_producer` makes it where need be.
    """

    def begin_transaction(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = originals["begin_transaction"](self, *args, **kwargs)
        with guard:
            traced = trace_producer(self)
            if traced is not None:
                traced.begin_transaction()
        return result

    def commit_transaction(self: Any, *args: Any, **kwargs: Any) -> Any:
        def can_abort(_: Exception) -> bool:
            return bool(self._transaction_manager.has_abortable_error())

        with committing(guard, traced_producer(self), can_abort):
            return originals["commit_transaction"](self, *args, **kwargs)

    def abort_transaction(self: Any, *args: Any, **kwargs: Any) -> Any:
        with deciding(guard, traced_producer(self), Transaction.aborted):
            return originals["abort_transaction"](self, *args, **kwargs)

    def close(self: Any, *args: Any, **kwargs: Any) -> Any:
        with deciding(guard, traced_producer(self), Transaction.end):
            return originals["close"](self, *args, **kwargs)

    return {
        "begin_transaction": begin_transaction,
        "commit_transaction": commit_transaction,
        "abort_transaction": abort_transaction,
        "close": close,
    }
