"""Batches of confluent-kafka's producer: a span a message; the client takes no headers in them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from .errors import error_type
from .writes import OPENED, ConfluentClient, Report, client_of, guard, open_report

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
        messages, reports = batch
        try:
            queued = original.produce_batch(self, **{**named, "messages": messages})
        except Exception as error:
            for report in reports.values():
                report.raised(error)
            raise
        for index, report in reports.items():
            with guard.abandoning(report):
                _take_batch_error(named["messages"][index], messages[index], report)
        return queued

    return {"produce_batch": produce_batch}


def _open_batch(
    producer: Any, named: dict[str, Any], frame: FrameType
) -> tuple[list[Any], dict[int, Report]] | None:
    client, topic, messages = client_of(producer), named.get("topic"), named.get("messages")
    if client is None or not isinstance(topic, str) or not isinstance(messages, list):
        return None
    if not all(isinstance(message, dict) for message in messages):
        return None
    copies = list.copy(messages)
    reports: dict[int, Report] = {}
    try:
        _open_each(client, topic, named, copies, reports, frame)
    except Exception as own:  # noqa: BLE001 - the agent's own
        guard.caught(own, *reports.values())
        return None
    return copies, reports


def _open_each(  # noqa: PLR0913, PLR0917 - what the writes of a batch consist of
    client: ConfluentClient,
    topic: str,
    named: dict[str, Any],
    copies: list[Any],
    reports: dict[int, Report],
    frame: FrameType,
) -> None:
    """Open a write for each of the messages, and put it in their place in `copies`."""
    for index, message in enumerate(copies):
        report = message.get(OPENED)
        if report is None:
            # A batch carries no headers: a span is possible, propagation is not.
            value, key = message.get("value"), message.get("key")
            report = open_report(client, topic, value, key, None, frame)
        if report is None:
            continue
        reports[index] = report
        chosen = message.get("callback")
        if chosen is None:
            chosen = named.get("callback", named.get("on_delivery"))
        report.callback = client.on_delivery if chosen is None else chosen
        copies[index] = {k: v for k, v in message.items() if k != OPENED}
        copies[index]["callback"] = report


def _take_batch_error(message: dict[str, Any], sent: dict[str, Any], report: Report) -> None:
    """Give the application's message the error that the client has put into our copy of it."""
    error = sent.get("_error")
    if error is not None and error is not message.get("_error"):
        message["_error"] = error
        report.failed(error_type(error), error.str())
