"""The adapter of aiokafka: its producer and its consumer, in Python both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import batches, consumer, producer

if TYPE_CHECKING:
    from types import ModuleType

CLIENT = producer.CLIENT


def install(module: ModuleType) -> None:
    """Trace a class of the module that defines it; doing it twice changes nothing."""
    if hasattr(module, "AIOKafkaConsumer"):
        consumer.install(module.AIOKafkaConsumer)
    else:
        producer.install(module)


def uninstall() -> None:
    """Put the client's own methods back; what is open already is still closed."""
    producer.patches.undo()
    batches.patches.undo()
    consumer.patches.undo()
