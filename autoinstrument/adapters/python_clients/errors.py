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
    NO_OFFSET,
    OTHER,
    QUEUE_FULL,
    REBALANCED,
    SERIALIZATION,
    TRANSACTION_ABORTED,
    Failure,
    foreign,
    foreign_failure,
    has_names,
    protocol_error,
)

LOCAL = {
    "AsyncProducerQueueFull": QUEUE_FULL,
    "AuthenticationFailedError": AUTHENTICATION,
    "AuthenticationMethodNotSupported": AUTHENTICATION,
    "AuthorizationError": OTHER,  # what others inherit, which have a code
    "BatchExpiredError": DELIVERY_TIMEOUT,
    "BrokerResponseError": OTHER,  # as above
    "Cancelled": CANCELLED,
    "CommitFailedError": REBALANCED,
    "ConsumerStoppedError": CLOSED,
    "CorrelationIdError": CONNECTION,
    "FailedPayloadsError": CONNECTION,
    "IllegalArgumentError": INVALID_ARGUMENT,
    "IllegalOperation": INVALID_STATE,
    "IllegalStateError": INVALID_STATE,
    "IncompatibleBrokerVersion": "UNSUPPORTED_VERSION",
    "InvalidMetadataError": "LEADER_NOT_AVAILABLE",
    "InvalidReceiveError": CONNECTION,
    "KafkaConfigurationError": INVALID_ARGUMENT,
    "KafkaConnectionError": CONNECTION,
    "KafkaError": OTHER,  # what all others inherit
    "KafkaProtocolError": CONNECTION,
    "KafkaTimeoutError": DELIVERY_TIMEOUT,
    "KafkaUnavailableError": CONNECTION,
    "LogTruncationError": "OFFSET_OUT_OF_RANGE",
    "MetadataEmptyBrokerList": CONNECTION,
    "NoBrokersAvailable": CONNECTION,
    "NoError": OTHER,  # never raised
    "NoOffsetForPartitionError": NO_OFFSET,
    "NodeNotReadyError": CONNECTION,
    "ProducerClosed": CLOSED,
    "ProducerFenced": FENCED,
    "ProtocolError": CONNECTION,
    "QuotaViolationError": "THROTTLING_QUOTA_EXCEEDED",
    "RecordTooLargeError": "MESSAGE_TOO_LARGE",
    "RetriableError": OTHER,  # what others inherit
    "StaleMetadata": "LEADER_NOT_AVAILABLE",
    "TooManyInFlightRequests": QUEUE_FULL,
    "TransactionAbortedError": TRANSACTION_ABORTED,
    "UnknownBrokerIdError": "BROKER_NOT_AVAILABLE",
    "UnrecognizedBrokerVersion": "UNSUPPORTED_VERSION",
    "UnsupportedCodecError": "UNSUPPORTED_COMPRESSION_TYPE",
}
"""Classes of the clients without a code of the protocol; the nearest that one inherits counts."""
_REFUSALS = {"AssertionError", "TypeError", "ValueError"}
_CANCELLED = {"asyncio.exceptions.CancelledError", "concurrent.futures._base.CancelledError"}
_CLIENTS = {"kafka", "aiokafka"}
_OURS = "autoinstrument"
_SERIALIZE = "_serialize"  # the method of both producers that calls a serializer
# Where aiokafka waits for room in its buffer.
_ADDING = {"add_message", "add_batch"}


def failure(error: BaseException) -> Failure:
    """Return what a span says of what a call raised or a future was given.

    The words are taken of exceptions that the client has made, not of a serializer's, a
    partitioner's or a callback's.
    """
    places = foreign.places_of(error)
    if _is_of_serializer(places):
        return foreign_failure(error, SERIALIZATION)
    raised_by = _package(places[-1][0]) if places else ""
    if raised_by not in {"", _OURS, *_CLIENTS}:
        return foreign_failure(error, _cause_of(error))
    if _is_clients(foreign.classes_of(error)[0]):
        words = foreign.words_of(error)
        return Failure(_cause(error, {function for _, function in places}, words.lower()), words)
    return foreign_failure(error, _refusal(error) if raised_by else _cause_of(error))


def expect_serializer(producer: type) -> None:
    """Tell if the method is gone by which a serializer's failures are known."""
    otherwise = "a serializer's failure has another cause than `serialization`"
    has_names(producer, _SERIALIZE, otherwise=otherwise)


def _is_of_serializer(places: list[tuple[str, str]]) -> bool:
    """Whether a serializer has failed, and not the client at what it has returned."""
    for index, (module, function) in enumerate(places):
        if function == _SERIALIZE and _package(module) in _CLIENTS:
            if index == len(places) - 1:  # at what is written in C; aiokafka's records are as well
                return _package(module) != "aiokafka"
            return not places[-1][0].startswith("aiokafka.record.")
    return False


def _cause(error: BaseException, functions: set[str], words: str) -> str:
    found = _cause_of(error)
    if found in {INVALID_STATE, INVALID_ARGUMENT} and "closed" in words:
        return CLOSED
    if found == DELIVERY_TIMEOUT and ("allocate" in words or not _ADDING.isdisjoint(functions)):
        return QUEUE_FULL
    return found


def _refusal(error: BaseException) -> str:
    """Return the cause of what the client has raised as a plain exception of Python's."""
    if not any(foreign.name_of(kind) in _REFUSALS for kind in foreign.classes_of(error)):
        return _cause_of(error)
    is_closed = any(type(each) is str and "closed" in each for each in foreign.arguments_of(error))
    return CLOSED if is_closed else INVALID_ARGUMENT


def _cause_of(error: BaseException) -> str:
    """Return the cause that the nearest class of a client has, from which the error's is made."""
    for kind in foreign.classes_of(error):
        name = foreign.name_of(kind)
        if name in _CANCELLED:
            return CANCELLED
        if _is_clients(kind):
            code = vars(kind).get("errno")
            if isinstance(code, int) and code:
                return protocol_error(code)
            local = LOCAL.get(name.rpartition(".")[2])
            if local is not None:
                return local
    return OTHER


def _is_clients(kind: type) -> bool:
    return _package(foreign.module_of(kind)) in _CLIENTS


def _package(module: str) -> str:
    return module.partition(".")[0]
