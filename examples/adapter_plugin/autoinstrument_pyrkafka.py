"""An adapter of pyrkafka, whose writes get a span each.

pyrkafka is a client in Rust, on librdkafka. Its messages have no headers, so no reader can join
the trace, and none is answered, so that a write ends as unconfirmed when the call returns. Its
objects take neither attributes nor weak references: all its producers are traced as one. What its
consumer returns is the value alone, without a topic: those messages are no units of work.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from autoinstrument.adapter import (
    INVALID_ARGUMENT,
    MESSAGE_TOO_LARGE,
    OTHER,
    QUEUE_FULL,
    Client,
    Guard,
    Patches,
    TracedProducer,
    Unsupported,
    Write,
    open_write,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

CLIENT = Client("pyrkafka", "pyrkafka", oldest=(0, 1), has_headers=False, has_answers=False)

guard = Guard("the tracing of pyrkafka's producer")
patches = Patches()

_WRITES = {
    "produce": ("topic", "message"),
    "produce_with_key": ("topic", "message", "key"),
}
_ERRORS = {"MessageSizeTooLarge": MESSAGE_TOO_LARGE, "QueueFull": QUEUE_FULL}


class Producers(TracedProducer):
    """All producers of pyrkafka; their class stands for them."""

    client = CLIENT
    guard = guard


def install(module: ModuleType) -> None:
    """Trace the producer in the module that defines it; doing it twice changes nothing."""
    producer = getattr(module, "PyrKafkaProducer", None)
    if producer is None:
        raise Unsupported("there is no PyrKafkaProducer")
    if hasattr(producer.produce, "__wrapped__"):
        return
    for name, parameters in _WRITES.items():
        expected = f"($self, {', '.join(parameters)})"
        if getattr(getattr(producer, name, None), "__text_signature__", None) != expected:
            raise Unsupported(f"{name} has other parameters than expected")
    producers = Producers(producer)
    for name, parameters in _WRITES.items():
        patches.replace(producer, name, _writing(getattr(producer, name), parameters, producers))


def uninstall() -> None:
    """Put the client's own methods back."""
    patches.undo()


def _writing(
    original: Callable[..., Any], parameters: tuple[str, ...], producers: Producers
) -> Callable[..., Any]:
    """Return what replaces a method that writes."""

    def produce(self: Any, *args: Any, **kwargs: Any) -> Any:
        write = None
        with guard:
            named = {**dict(zip(parameters, args, strict=False)), **kwargs}
            topic = named.get("topic")
            if isinstance(topic, str) and not guard.is_off:  # else the client says what is wrong
                key, message = named.get("key"), named.get("message")
                caller = sys._getframe(1)  # noqa: SLF001 - the root span is named for it
                write = open_write(Write, producers, topic, key, message, None, caller)
        if write is None:
            return original(self, *args, **kwargs)
        try:
            result = original(self, *args, **kwargs)
        except BaseException as error:
            with guard.abandoning(write):
                # Not in its own words, which quote the message.
                write.failed(_error_type(error), type(error).__name__)
            raise
        with guard.abandoning(write):
            write.unconfirmed()
        return result

    return produce


def _error_type(error: BaseException) -> str:
    if isinstance(error, TypeError):
        return INVALID_ARGUMENT
    words = str(error)[:200]  # the cause stands first
    return next((of for name, of in _ERRORS.items() if name in words), OTHER)
