"""A small layer between a service and Kafka, with the contracts of Go's Watermill.

Messages with metadata and acknowledgements, marshalers for the wire format of watermill-kafka,
publishers and subscribers over a transport of one's choice, and a router with middleware.
"""

from .logs import CaptureLogger, LoggerAdapter, NopLogger, StdLogger
from .marshaling import (
    KEY,
    UUID_HEADER,
    KeyMarshaler,
    Marshaler,
    PartitioningMarshaler,
    Record,
    ReservedKeyError,
    Unmarshaler,
)
from .message import Message, Metadata, new_uuid
from .publishing import CloseError, Publisher, PublishError
from .routing import Handler, Middleware, Router, instant_ack, recover, retry
from .subscribing import Subscriber, SubscriberClosedError

__all__ = [
    "KEY",
    "UUID_HEADER",
    "CaptureLogger",
    "CloseError",
    "Handler",
    "KeyMarshaler",
    "LoggerAdapter",
    "Marshaler",
    "Message",
    "Metadata",
    "Middleware",
    "NopLogger",
    "PartitioningMarshaler",
    "PublishError",
    "Publisher",
    "Record",
    "ReservedKeyError",
    "Router",
    "StdLogger",
    "Subscriber",
    "SubscriberClosedError",
    "Unmarshaler",
    "instant_ack",
    "new_uuid",
    "recover",
    "retry",
]
