"""The list of adapters: which modules of a client are hooked, and the adapter that they are for.

The list is read at start, without importing an adapter, a client or OpenTelemetry. An adapter is a
module or a package in `autoinstrument.adapters` with `install(module)`, which is called once for
each of its modules, as soon as the application has imported it.
"""

from __future__ import annotations

import os

OURS = "autoinstrument.adapters."
ADAPTERS: dict[str, tuple[str, ...]] = {
    "confluent_kafka": (
        "confluent_kafka.cimpl",
        "confluent_kafka.serializing_producer",
        "confluent_kafka.avro",
        "confluent_kafka.aio",
    ),
    "aiokafka": ("aiokafka.producer.producer", "aiokafka.consumer.consumer"),
    "kafka_python": ("kafka.producer.kafka", "kafka.consumer.group"),
}


PUBLISHERS = f"{OURS}publishers"
"""The adapter of what the user names in `AUTOINSTRUMENT_TRACE`."""


def named_modules() -> list[str]:
    """Return the modules that `AUTOINSTRUMENT_TRACE` names; "" for one that no import brings."""
    names = []
    for each in os.environ.get("AUTOINSTRUMENT_TRACE", "").split(";"):
        module, colon, _ = each.partition(":")
        if each.strip():
            names.append(module.strip() if colon and module.strip() != "__main__" else "")
    return names


def is_disabled(adapter: str) -> bool:
    """Whether the user has switched an adapter off, by its own name or by a star."""
    ours = names_in("AUTOINSTRUMENT_DISABLE")
    names = ours | names_in("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS")
    return "*" in names or name_of(adapter) in names


def names_in(variable: str) -> set[str]:
    """Return the names of adapters that a variable lists, as modules have them."""
    return {name.strip() for name in os.environ.get(variable, "").replace("-", "_").split(",")}


def name_of(adapter: str) -> str:
    """Return the name by which the user knows an adapter."""
    return adapter.removeprefix(OURS)
