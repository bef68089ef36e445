"""Routing: messages from a subscriber through middleware to a handler, and on to a publisher."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import closing
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
        """Put `decorators` around the publishers of all handlers; the first is the outermost."""
        self._publisher_decorators += decorators

    def add_subscriber_decorators(self, *decorators: Callable[[Subscriber], Subscriber]) -> None:
        """Put `decorators` around the subscribers of all handlers; the last is the outermost."""
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
        self._routes.append(_Route(name, topic, subscriber, publish_to, publisher, handler))

    def run(self, *, idle: float, count: float = float("inf"), workers: int = 0) -> None:
        """Run the handlers side by side, each until nothing has come for `idle` seconds.

        Each ends after `count` messages, and all end when one of them cannot read, which is raised.
        With `workers` each message is worked on in a thread; the next still comes only when the
        last was acknowledged, which `instant_ack` does at once.
        """
        routes = [self._decorated(route) for route in self._routes]
        with ThreadPoolExecutor(max(1, len(routes))) as pool:
            running = [pool.submit(self._serve, route, idle, count, workers) for route in routes]
            try:
                wait(running, return_when=FIRST_EXCEPTION)
            finally:
                self.close()
        for each in running:
            each.result()

    def close(self) -> None:
        """Have `run` end, from any thread: what is being handled is finished, and nothing begun."""
        for route in self._routes:
            route.subscriber.close()

    def _decorated(self, route: _Route) -> _Route:
        subscriber, publisher = route.subscriber, route.publisher
        for decorate in self._subscriber_decorators:
            subscriber = decorate(subscriber)
        if publisher is not None:
            for decorate_publisher in reversed(self._publisher_decorators):
                publisher = decorate_publisher(publisher)
        return route._replace(subscriber=subscriber, publisher=publisher)

    def _serve(self, route: _Route, idle: float, count: float, workers: int) -> None:
        handler = route.handler
        for middleware in reversed(self._middleware):
            handler = middleware(handler)
        with closing(route.subscriber.messages(route.topic, idle)) as messages:
            if not workers:
                for message in _first(messages, count):
                    self._work(route, handler, message)
                return
            with ThreadPoolExecutor(workers) as pool:
                for message in _first(messages, count):
                    pool.submit(self._work, route, handler, message)

    def _work(self, route: _Route, handler: Handler, message: Message) -> None:
        fields = {"handler": route.name, "message_uuid": message.uuid}
        words = "Handler returned error"
        try:
            produced = handler(message)
            words = "Publishing produced messages failed"
            if produced and route.publisher is None:
                raise ValueError("returned output messages in a handler without publisher")  # noqa: TRY301 - as any other failure
            if produced and route.publisher is not None:
                route.publisher.publish(route.publish_to, *produced)
            message.ack()
        except Exception as error:  # noqa: BLE001 - a handler raises anything
            self._log.error(words, error, fields)
        finally:
            message.nack()  # which is nothing once it is acknowledged


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


def retry(
    times: int,
    wait: float = 0.1,
    *,
    longest: float = 10,
    logger: LoggerAdapter | None = None,
) -> Middleware:
    """Try a failed handler again, up to `times`, after `wait` seconds, doubled up to `longest`."""
    told = logger or NopLogger()

    def middleware(handler: Handler) -> Handler:
        def retried(message: Message) -> list[Message]:
            for attempt in range(times):
                try:
                    return handler(message)
                except Exception as error:  # noqa: BLE001 - the last one raises
                    told.error("Error occurred, retrying", error, {"retry_no": attempt + 1})
                time.sleep(min(wait * 2**attempt, longest))
            return handler(message)

        return retried

    return middleware


def instant_ack(handler: Handler) -> Handler:
    """Acknowledge a message before it is handled: faster, in no order, and some may be lost."""

    def acknowledged(message: Message) -> list[Message]:
        message.ack()
        return handler(message)

    return acknowledged
