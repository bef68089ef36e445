"""Errors of kafka-python and aiokafka, whose names are alike, in the words of the one table."""

from __future__ import annotations

from autoinstrument.adapter import (
    AUTHENTICATION,
    CANCELLED,
    CLOSED,
    CONNECTION,
    DELIVERY_TIMEOUT,
    FENCED,
    INVALID_ARGUMENT,
    INVALID_STATE,
    OTHER,
    QUEUE_FULL,
    SERIALIZATION,
    TRANSACTION_ABORTED,
    protocol_error,
)

# Classes without a code of the protocol. The first that an exception is an instance of counts.
_LOCAL = {
    "RecordTooLargeError": "MESSAGE_TOO_LARGE",
    "InvalidTopicError": "INVALID_TOPIC_EXCEPTION",
    "UnknownTopicOrPartitionError": "UNKNOWN_TOPIC_OR_PARTITION",
    "ProducerFenced": FENCED,
    "ProducerFencedError": FENCED,
    "ProducerClosed": CLOSED,
    "TransactionAbortedError": TRANSACTION_ABORTED,
    "KafkaTimeoutError": DELIVERY_TIMEOUT,
    "BatchExpiredError": DELIVERY_TIMEOUT,
    "RequestTimedOutError": DELIVERY_TIMEOUT,
    "KafkaConnectionError": CONNECTION,
    "NodeNotReadyError": CONNECTION,
    "NoBrokersAvailable": CONNECTION,
    "AuthenticationFailedError": AUTHENTICATION,
    "CancelledError": CANCELLED,
    "SaslAuthenticationFailedError": AUTHENTICATION,
    "IllegalArgumentError": INVALID_ARGUMENT,
    "IllegalStateError": INVALID_STATE,
    "IllegalOperation": INVALID_STATE,
    "TypeError": INVALID_ARGUMENT,
    "ValueError": INVALID_ARGUMENT,
    "AssertionError": INVALID_ARGUMENT,
}
# Where aiokafka waits for room in its buffer.
_ADDING = {"add_message", "add_batch"}


def error_type(error: BaseException) -> str:
    """Return the `error.type` of what a call raised or a future was given."""
    code = getattr(error, "errno", None)
    names = [kind.__name__ for kind in type(error).__mro__]
    if isinstance(code, int) and "KafkaError" in names:
        return protocol_error(code)
    functions = _functions(error)
    if "_serialize" in functions[:-1]:  # it has called what has failed
        return SERIALIZATION
    found = next((_LOCAL[name] for name in names if name in _LOCAL), OTHER)
    words = str(error).lower()
    if found in {INVALID_STATE, INVALID_ARGUMENT} and "closed" in words:
        return CLOSED
    if found == DELIVERY_TIMEOUT and ("allocate" in words or not _ADDING.isdisjoint(functions)):
        return QUEUE_FULL
    return found


def _functions(error: BaseException) -> list[str]:
    """Return the names of the functions that the error has come through, outermost first."""
    names = []
    traceback = error.__traceback__
    while traceback is not None:
        names.append(traceback.tb_frame.f_code.co_name)
        traceback = traceback.tb_next
    return names
