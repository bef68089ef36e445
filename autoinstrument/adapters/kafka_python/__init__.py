"""The adapter of kafka-python: its producer and its consumer, in Python both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import consumer, futures, producer

if TYPE_CHECKING:
    from types import ModuleType

CLIENT = producer.CLIENT


def install(module: ModuleType) -> None:
    """Trace a class of the module that defines it; doing it twice changes nothing."""
    if hasattr(module, "KafkaConsumer"):
        consumer.install(module.KafkaConsumer)
    else:
        producer.install(module)


def uninstall() -> None:
    """Put the client's own methods back; what is open already is still closed."""
    producer.patches.undo()
    futures.patches.undo()
    consumer.patches.undo()
