"""Transactions of confluent-kafka's producer, which decide on what was acknowledged in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autoinstrument._transactions import Transaction

from ._confluent_kafka_writes import client_of, guard

if TYPE_CHECKING:
    from collections.abc import Callable


def transactions(original: Any) -> dict[str, Callable[..., Any]]:
    """Return the replacements for what begins and ends a transaction in a producer class."""

    def begin_transaction(self: Any, *args: Any) -> Any:
        result = original.begin_transaction(self, *args)
        with guard:
            client = client_of(self)
            if client is not None:
                client.begin_transaction()
        return result

    def commit_transaction(self: Any, *args: Any) -> Any:
        client = client_of(self)
        transaction = None if client is None else client.transaction
        if transaction is not None:
            transaction.committing = True
        try:
            result = original.commit_transaction(self, *args)
        except Exception as error:
            with guard:
                cause = error.args[0] if error.args else None
                if transaction is not None and getattr(cause, "txn_requires_abort", bool)():
                    transaction.committing = False
            raise
        decide(self, Transaction.committed)
        return result

    def abort_transaction(self: Any, *args: Any) -> Any:
        result = original.abort_transaction(self, *args)
        decide(self, Transaction.aborted)
        return result

    return {
        "begin_transaction": begin_transaction,
        "commit_transaction": commit_transaction,
        "abort_transaction": abort_transaction,
    }


def decide(producer: Any, outcome: Callable[[Transaction], None]) -> None:
    """Apply the outcome to the producer's transaction of this moment, if there is one."""
    with guard:
        client = client_of(producer)
        if client is not None:
            client.decide(outcome)
