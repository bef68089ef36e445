"""Routing: messages from a subscriber through middleware to a handler, and on to a publisher."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from .logs import LoggerAdapter, NopLogger
from .message import Message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .publishing import Publisher
    from .subscribing import Subscriber

Handler = Callable[[Message], list[Message]]
"""Works on a message and returns those to publish."""
Middleware = Callable[[Handler], Handler]
"""Returns a handler that does something around the given one."""


class _Route(NamedTuple):
    name: str
    topic: str
    subscriber: Subscriber
    publish_to: str
    publisher: Publisher | None
    handler: Handler


class Router:
    """Runs handlers: success acknowledges a message, a failure is logged and refuses it."""

    def __init__(self, logger: LoggerAdapter | None = None) -> None:
        self._log = logger or NopLogger()
        self._middleware: list[Middleware] = []
        self._publisher_decorators: list[Callable[[Publisher], Publisher]] = []
        self._subscriber_decorators: list[Callable[[Subscriber], Subscriber]] = []
        self._routes: list[_Route] = []

    def add_middleware(self, *middleware: Middleware) -> None:
        """Put `middleware` around all handlers; the first is the outermost."""
        self._middleware += middleware

    def add_publisher_decorators(self, *decorators: Callable[[Publisher], Publisher]) -> None:
        """Put `decorators` around the publishers of handlers that are added later."""
        self._publisher_decorators += decorators

    def add_subscriber_decorators(self, *decorators: Callable[[Subscriber], Subscriber]) -> None:
        """Put `decorators` around the subscribers of handlers that are added later."""
        self._subscriber_decorators += decorators

    def add_handler(  # noqa: PLR0913 - what a route consists of
        self,
        name: str,
        topic: str,
        subscriber: Subscriber,
        handler: Handler,
        *,
        publish_to: str = "",
        publisher: Publisher | None = None,
    ) -> None:
        """Have `handler` work on the messages of `topic`, and what it returns published."""
        for decorate in self._subscriber_decorators:
            subscriber = decorate(subscriber)
        if publisher is not None:
            for decorate_publisher in self._publisher_decorators:
                publisher = decorate_publisher(publisher)
        self._routes.append(_Route(name, topic, subscriber, publish_to, publisher, handler))

    def run(self, *, idle: float, count: float = float("inf"), workers: int = 0) -> None:
        """Run the handlers, one route after the other, until nothing has come for `idle` seconds.

        With `workers` each message is worked on in a thread; the next still comes only when the
        last was acknowledged, which `instant_ack` does at once. Each route ends after `count`.
        """
        for route in self._routes:
            handler = route.handler
            for middleware in reversed(self._middleware):
                handler = middleware(handler)
            if workers:
                with ThreadPoolExecutor(workers) as pool:
                    for message in _first(route.subscriber.messages(route.topic, idle), count):
                        pool.submit(self._work, route, handler, message)
            else:
                for message in _first(route.subscriber.messages(route.topic, idle), count):
                    self._work(route, handler, message)

    def _work(self, route: _Route, handler: Handler, message: Message) -> None:
        fields = {"handler": route.name, "message_uuid": message.uuid}
        try:
            produced = handler(message)
        except Exception as error:  # noqa: BLE001 - a handler raises anything
            self._log.error("Handler returned error", error, fields)
            message.nack()
            return
        try:
            if produced and route.publisher is not None:
                route.publisher.publish(route.publish_to, *produced)
        except Exception as error:  # noqa: BLE001 - as above
            self._log.error("Publishing produced messages failed", error, fields)
            message.nack()
            return
        message.ack()


def _first(messages: Iterator[Message], count: float) -> Iterator[Message]:
    """Yield up to `count` of `messages`; one that comes again counts once."""
    seen = 0
    for message in messages:
        yield message
        message.wait()
        seen += message.acked.is_set()
        if seen >= count:
            return


def recover(handler: Handler) -> Handler:
    """Turn whatever ends a handler, but an exit or an interrupt, into a failure of the message."""

    def recovered(message: Message) -> list[Message]:
        try:
            return handler(message)
        except Exception as error:
            raise RuntimeError(f"handler failed: {type(error).__name__}: {error}") from error

    return recovered


def retry(times: int, wait: float = 0.1) -> Middleware:
    """Try a failed handler again, up to `times`, after `wait` seconds, doubled each time."""

    def middleware(handler: Handler) -> Handler:
        def retried(message: Message) -> list[Message]:
            for attempt in range(times):
                try:
                    return handler(message)
                except Exception:  # noqa: BLE001, PERF203 - the last one raises
                    time.sleep(wait * 2**attempt)
            return handler(message)

        return retried

    return middleware


def instant_ack(handler: Handler) -> Handler:
    """Acknowledge a message before it is handled: faster, in no order, and some may be lost."""

    def acknowledged(message: Message) -> list[Message]:
        message.ack()
        return handler(message)

    return acknowledged
