"""Errors of kafka-python and aiokafka, whose names are alike, in the words of the one table."""

from __future__ import annotations

from autoinstrument._errors import (
    AUTHENTICATION,
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
    "SaslAuthenticationFailedError": AUTHENTICATION,
    "IllegalArgumentError": INVALID_ARGUMENT,
    "IllegalStateError": INVALID_STATE,
    "IllegalOperation": INVALID_STATE,
    "TypeError": INVALID_ARGUMENT,
    "ValueError": INVALID_ARGUMENT,
    "AssertionError": INVALID_ARGUMENT,
}


def error_type(error: BaseException) -> str:
    """Return the `error.type` of what a call raised or a future was given."""
    code = getattr(error, "errno", None)
    names = [kind.__name__ for kind in type(error).__mro__]
    if isinstance(code, int) and "KafkaError" in names:
        return protocol_error(code)
    if _came_through_serializer(error):
        return SERIALIZATION
    found = next((_LOCAL[name] for name in names if name in _LOCAL), OTHER)
    words = str(error).lower()
    if found == INVALID_STATE and "close" in words:
        return CLOSED
    if found == DELIVERY_TIMEOUT and "allocate" in words:
        return QUEUE_FULL
    return found


def _came_through_serializer(error: BaseException) -> bool:
    """Whether the application's serializer, called by the client's `_serialize`, has failed."""
    traceback = error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if code.co_name == "_serialize" and traceback.tb_next is not None:
            return True
        traceback = traceback.tb_next
    return False
