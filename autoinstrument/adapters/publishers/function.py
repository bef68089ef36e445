"""A publisher that is traced: what stands in the place of its function."""

from __future__ import annotations

import inspect
import sys
from enum import Enum
from functools import partial, wraps
from typing import TYPE_CHECKING, Any

from autoinstrument.adapter import Client, TracedProducer, Write, open_write
from autoinstrument.process.notices import tell

from .arguments import Arguments
from .call import Call, guard
from .headers import ACCEPTED, readable, type_of_values, with_context

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from autoinstrument.process.settings import Publisher

    from .arguments import Message


class TracedFunction:
    """A function that is traced, and the writes that its calls are."""

    def __init__(self, function: Callable[..., Any], publisher: Publisher) -> None:
        """Raise `Unusable` if the function does not take an argument that the user names."""
        self._function = function
        self._publisher = publisher
        self._arguments = Arguments(function, publisher)
        self._producer = _Producer(publisher)

    def replacement(self) -> Callable[..., Any]:
        """Return the function that is to be called in its place."""
        function = self._function  # not named below: who looks for its users finds none of ours
        if inspect.iscoroutinefunction(function):
            return wraps(function)(self._coroutine_function())

        def traced(*args: Any, **kwargs: Any) -> Any:
            call = self._begin(args, kwargs, sys._getframe(1))  # noqa: SLF001 - the cheapest way to the caller
            if call is None:
                return self._function(*args, **kwargs)
            with call:
                result = self._function(*call.args, **call.kwargs)
            return call.followed(result)

        return wraps(function)(traced)

    def _coroutine_function(self) -> Callable[..., Any]:
        async def traced(*args: Any, **kwargs: Any) -> Any:
            call = self._begin(args, kwargs, sys._getframe(1))  # noqa: SLF001 - as above
            if call is None:
                return await self._function(*args, **kwargs)
            with call:
                result = await self._function(*call.args, **call.kwargs)
            call.returned()
            return result

        return traced

    def _begin(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], frame: FrameType
    ) -> Call | None:
        """Begin the write that a call is; None if it is to be left alone."""
        if guard.is_off:
            return None
        try:
            message = self._arguments.message(args, kwargs)
        except TypeError:  # the function will say what is wrong
            return None
        with guard:
            topic = _text(message.topic)
            if topic is None:
                self._tell_of_topic(message.topic)
                return None
            return self._opened(topic, message, args, kwargs, frame)
        return None

    def _opened(
        self,
        topic: str,
        message: Message,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        frame: FrameType,
    ) -> Call | None:
        headers = readable(message.headers)
        write = open_write(Write, self._producer, topic, message.key, message.value, headers, frame)
        if write is None:
            return None
        with guard.abandoning(write):
            sent = with_context(message.headers, write)
            if sent is not None:
                args, kwargs = self._arguments.with_headers(args, kwargs, sent)
            return Call(write, args, kwargs, partial(self._tell_of_headers, message.headers))
        return None

    def _tell_of_topic(self, topic: Any) -> None:
        name = self._publisher.name
        kind = type(topic).__name__
        words = (
            f"a call has no span: its topic is of type {kind}; accepted: str, bytes, enums of these"
        )
        tell("topic-unknown", f"AUTOINSTRUMENT_TRACE: {name}: {words}", about=name)

    def _tell_of_headers(self, headers: Any) -> None:
        """Warn if a message went without trace context, though the user has named its headers."""
        if self._publisher.headers and self._producer.propagates and not type_of_values(headers):
            name = self._publisher.name
            what = (
                "without headers"
                if headers is None
                else f"with headers of type {type(headers).__name__}"
            )
            words = f"a message {what} carries no trace context; accepted: {ACCEPTED}"
            tell("context-not-sent", f"AUTOINSTRUMENT_TRACE: {name}: {words}", about=name)


class _Producer(TracedProducer):
    """A publisher, of which no more is known than what the user wrote."""

    client = Client("", package="autoinstrument", has_answers=False)
    guard = guard

    def __init__(self, publisher: Publisher) -> None:
        super().__init__(_Producer)  # which stays: a future may outlive what was traced
        self._attributes["autoinstrument.publisher"] = publisher.name


def _text(topic: Any) -> str | None:
    """Return a topic as text; None if it is of a type that no client of Kafka takes."""
    if type(topic) is str:
        return topic
    if isinstance(topic, Enum):
        topic = topic.value
    if isinstance(topic, bytes):
        topic = topic.decode("utf-8", "replace")
    return str.__str__(topic) if isinstance(topic, str) else None
