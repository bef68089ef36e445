"""confluent-kafka's errors in the words of the one table.

Codes below zero are librdkafka's own: they never left the process, or the broker never answered.
"""

from __future__ import annotations

from typing import Any

from autoinstrument.adapter import (
    AUTHENTICATION,
    CANCELLED,
    CLOSED,
    CONNECTION,
    DELIVERY_TIMEOUT,
    FENCED,
    INVALID_ARGUMENT,
    INVALID_STATE,
    NO_OFFSET,
    OTHER,
    PURGED,
    QUEUE_FULL,
    REBALANCED,
    SERIALIZATION,
    Failure,
    foreign,
    foreign_failure,
    protocol_error,
)

# https://github.com/confluentinc/librdkafka/blob/master/src/rdkafka.h, rd_kafka_resp_err_t
LOCAL = {
    -137: CONNECTION,
    -138: "INVALID_RECORD",
    -139: "OFFSET_OUT_OF_RANGE",
    -140: NO_OFFSET,
    -141: OTHER,  # no operation performed
    -142: REBALANCED,
    -143: OTHER,  # what the application has said itself
    -144: FENCED,
    -145: INVALID_STATE,
    -146: "BROKER_NOT_AVAILABLE",
    -147: REBALANCED,
    -148: "OUT_OF_ORDER_SEQUENCE_NUMBER",
    -149: INVALID_STATE,
    -150: INVALID_STATE,
    -151: PURGED,
    -152: PURGED,
    -153: OTHER,  # to be tried again, by librdkafka itself
    -154: INVALID_ARGUMENT,
    -155: CONNECTION,
    -156: OTHER,  # no such entry, in librdkafka's own tables
    -157: INVALID_STATE,
    -158: OTHER,  # a response that is partial; the errors of its parts say more
    -159: SERIALIZATION,
    -160: SERIALIZATION,
    -161: SERIALIZATION,
    -162: SERIALIZATION,
    -163: CANCELLED,
    -164: OTHER,  # librdkafka waits for its own cache
    -165: "UNSUPPORTED_VERSION",
    -166: DELIVERY_TIMEOUT,
    -167: OTHER,  # outdated, of librdkafka's own state
    -168: NO_OFFSET,
    -169: AUTHENTICATION,
    -170: INVALID_ARGUMENT,
    -171: "INCONSISTENT_GROUP_PROTOCOL",
    -172: INVALID_STATE,
    -173: INVALID_STATE,
    -174: OTHER,  # an event of a rebalance
    -175: OTHER,  # as above
    -176: INVALID_STATE,
    -177: INVALID_STATE,
    -178: INVALID_STATE,
    -179: "INVALID_GROUP_ID",
    -180: "COORDINATOR_NOT_AVAILABLE",
    -181: AUTHENTICATION,
    -182: OTHER,  # an event of librdkafka's own
    -183: "NOT_ENOUGH_REPLICAS",
    -184: QUEUE_FULL,
    -185: DELIVERY_TIMEOUT,
    -186: INVALID_ARGUMENT,
    -187: CONNECTION,
    -188: "UNKNOWN_TOPIC_OR_PARTITION",
    -189: OTHER,  # a file or the file system
    -190: "UNKNOWN_TOPIC_OR_PARTITION",
    -191: OTHER,  # the end of a partition, which is an event
    -192: DELIVERY_TIMEOUT,
    -193: CONNECTION,
    -194: OTHER,  # of the operating system
    -195: CONNECTION,
    -196: CONNECTION,
    -197: CLOSED,
    -198: "CORRUPT_MESSAGE",
    -199: "CORRUPT_MESSAGE",
}
"""The causes of librdkafka's own codes, by number."""
_MESSAGE_TOO_LARGE = 10
_CLIENT = "confluent_kafka"
_COROUTINES = f"{_CLIENT}.aio"
_OURS = "autoinstrument"
_C_LAYER = {"cimpl", f"{_CLIENT}.cimpl"}
_REFUSALS = {"NotImplementedError", "TypeError"}


def error_type(error: Any) -> str:
    """Return the `error.type` of a KafkaError."""
    code = error.code()
    return LOCAL.get(code) or protocol_error(code)


def failure(exception: BaseException) -> Failure:
    """Return what a span says of what a call raised.

    The words are taken of what C has raised: not of a callback, nor of a serializer, which the
    layers in Python quote.
    """
    kind, error = foreign.classes_of(exception)[0], _kafka_error(exception)
    is_from_c = _raised_in(exception).partition(".")[0] in {"", _OURS}
    if error is not None:
        cause = error_type(error)
        is_own = is_from_c and foreign.name_of(kind) in _KAFKA_EXCEPTIONS
        return Failure(cause, str(exception)) if is_own else foreign_failure(exception, cause)
    if is_from_c and kind is BufferError:
        return Failure(QUEUE_FULL, "Local: Queue full")
    words = next(iter(foreign.arguments_of(exception)), None)
    if is_from_c and kind is RuntimeError and type(words) is str and "closed" in words:
        return Failure(CLOSED, words)
    return foreign_failure(exception, INVALID_ARGUMENT if _is_refusal(exception) else OTHER)


def layer_failure(exception: BaseException) -> Failure:
    """Return the same of what a layer in Python has raised, where it is most often a serializer."""
    found = failure(exception)
    return found if found.error_type != OTHER else foreign_failure(exception, SERIALIZATION)


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


_KAFKA_EXCEPTIONS = {f"{module}.KafkaException" for module in _C_LAYER}


def _kafka_error(exception: BaseException) -> Any:
    """Return the KafkaError that a KafkaException carries."""
    names = map(foreign.name_of, foreign.classes_of(exception))
    if _KAFKA_EXCEPTIONS.isdisjoint(names):
        return None
    first = next(iter(foreign.arguments_of(exception)), None)
    return first if foreign.module_of(type(first)) in _C_LAYER else None


def _is_refusal(exception: BaseException) -> bool:
    """Whether the client has refused the call itself: in C, or as AIOProducer refuses headers."""
    module = _raised_in(exception)
    is_clients = module.partition(".")[0] == _OURS or module.startswith(_COROUTINES)
    return is_clients and foreign.name_of(type(exception)) in _REFUSALS


def _raised_in(exception: BaseException) -> str:
    """Return the module of the innermost frame, which is ours where C has raised."""
    places = foreign.places_of(exception)
    return places[-1][0] if places else ""
