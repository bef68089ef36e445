"""Batches of confluent-kafka's producer: a span a message; the client takes no headers in them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from .errors import error_type
from .writes import (
    OPENED,
    ConfluentProducer,
    ConfluentWrite,
    guard,
    kind_of,
    open_confluent_write,
    traced_producer,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

_BATCH = ("topic", "messages", "partition", "callback", "on_delivery")


def batches(original: Any) -> dict[str, Callable[..., Any]]:
    """Return the replacement for what writes a batch in a producer class."""

    def produce_batch(self: Any, *args: Any, **kwargs: Any) -> Any:
        named = {**dict(zip(_BATCH, args, strict=False)), **kwargs}
        batch = None
        if len(args) + len(kwargs) == len(named) and len(args) <= len(_BATCH):
            with guard:
                batch = _open_batch(self, named, sys._getframe(1))  # noqa: SLF001 - the cheapest way to the caller
        if batch is None:
            return original.produce_batch(self, *args, **kwargs)
        messages, writes = batch
        try:
            queued = original.produce_batch(self, **{**named, "messages": messages})
        except Exception as error:
            for write in writes.values():
                write.raised(error)
            raise
        for index, write in writes.items():
            with guard.abandoning(write):
                _take_batch_error(named["messages"][index], messages[index], write)
        return queued

    return {"produce_batch": produce_batch}


def _open_batch(
    producer: Any, named: dict[str, Any], frame: FrameType
) -> tuple[list[Any], dict[int, ConfluentWrite]] | None:
    traced, topic, messages = traced_producer(producer), named.get("topic"), named.get("messages")
    if traced is None or not isinstance(topic, str) or not isinstance(messages, list):
        return None
    if not all(isinstance(message, dict) for message in messages):
        return None
    copies = list.copy(messages)
    writes: dict[int, ConfluentWrite] = {}
    try:
        _open_each(traced, topic, named, copies, writes, frame)
    except Exception as own:  # noqa: BLE001 - the agent's own
        guard.caught(own, *writes.values())
        return None
    return copies, writes


def _open_each(  # noqa: PLR0913, PLR0917 - what the writes of a batch consist of
    traced: ConfluentProducer,
    topic: str,
    named: dict[str, Any],
    copies: list[Any],
    writes: dict[int, ConfluentWrite],
    frame: FrameType,
) -> None:
    """Open a write for each of the messages, and put it in their place in `copies`."""
    for index, message in enumerate(copies):
        chosen = message.get("callback")
        if chosen is None:
            chosen = named.get("callback", named.get("on_delivery"))
        if chosen is None:
            chosen = traced.on_delivery
        write = message.get(OPENED)
        if write is None:
            # A batch carries no headers: a span is possible, propagation is not.
            value, key = message.get("value"), message.get("key")
            kind = kind_of(chosen)
            write = open_confluent_write(kind, traced, topic, value, key, None, frame)
        if write is None:
            continue
        writes[index] = write
        write.callback = chosen
        copies[index] = {k: v for k, v in message.items() if k != OPENED}
        copies[index]["callback"] = write


def _take_batch_error(message: dict[str, Any], sent: dict[str, Any], write: ConfluentWrite) -> None:
    """Give the application's message the error that the client has put into our copy of it."""
    error = sent.get("_error")
    if error is not None and error is not message.get("_error"):
        message["_error"] = error
        write.failed(error_type(error), error.str())
