"""confluent-kafka's errors in the words of the one table.

Codes below zero are librdkafka's own: they never left the process, or the broker never answered.
"""

from __future__ import annotations

from typing import Any

from autoinstrument.adapter import (
    AUTHENTICATION,
    CLOSED,
    CONNECTION,
    DELIVERY_TIMEOUT,
    FENCED,
    INVALID_ARGUMENT,
    INVALID_STATE,
    OTHER,
    PURGED,
    QUEUE_FULL,
    SERIALIZATION,
    protocol_error,
)

# https://github.com/confluentinc/librdkafka/blob/master/src/rdkafka.h, rd_kafka_resp_err_t
_LOCAL = {
    -138: "INVALID_RECORD",
    -144: FENCED,
    -150: INVALID_STATE,
    -151: PURGED,
    -152: PURGED,
    -161: SERIALIZATION,
    -162: SERIALIZATION,
    -166: DELIVERY_TIMEOUT,
    -169: AUTHENTICATION,
    -172: INVALID_STATE,
    -181: AUTHENTICATION,
    -184: QUEUE_FULL,
    -185: DELIVERY_TIMEOUT,
    -186: INVALID_ARGUMENT,
    -187: CONNECTION,
    -188: "UNKNOWN_TOPIC_OR_PARTITION",
    -190: "UNKNOWN_TOPIC_OR_PARTITION",
    -192: DELIVERY_TIMEOUT,
    -193: CONNECTION,
    -195: CONNECTION,
    -197: CLOSED,
}
_MESSAGE_TOO_LARGE = 10


def error_type(error: Any) -> str:
    """Return the `error.type` of a KafkaError."""
    code = error.code()
    return _LOCAL.get(code) or protocol_error(code)


def exception_type(exception: BaseException, otherwise: str = OTHER) -> str:
    """Return the `error.type` of what a call raised; `otherwise` for what is not the client's."""
    error = _kafka_error(exception)
    if error is not None:
        return error_type(error)
    if isinstance(exception, BufferError):
        return QUEUE_FULL
    if isinstance(exception, RuntimeError) and "closed" in str(exception):
        return CLOSED
    if isinstance(exception, (TypeError, NotImplementedError)):
        return INVALID_ARGUMENT
    return otherwise


def is_kafka_exception(exception: BaseException) -> bool:
    """Whether the client has raised it for an error of its own or the broker's."""
    return _kafka_error(exception) is not None


def is_fatal(exception: BaseException) -> bool:
    """Whether the client can do nothing more after it."""
    error = _kafka_error(exception)
    return error is not None and bool(error.fatal())


def is_too_large(exception: Exception) -> bool:
    """Whether the client refused a message for its size, before sending it."""
    error = _kafka_error(exception)
    return error is not None and error.code() == _MESSAGE_TOO_LARGE


def _kafka_error(exception: BaseException) -> Any:
    """Return the KafkaError that a KafkaException carries."""
    first = exception.args[0] if exception.args else None
    return first if hasattr(first, "code") and hasattr(first, "retriable") else None
