"""Which client modules are hooked, and the adapter that each one is for.

This list is read at start, without importing an adapter, a client or OpenTelemetry. An adapter is
a module of this folder with `install(module)`, which is called once for each of its modules, as
soon as the application has imported it.
"""

from __future__ import annotations

ADAPTERS: dict[str, tuple[str, ...]] = {
    "confluent_kafka": (
        "confluent_kafka.cimpl",
        "confluent_kafka.serializing_producer",
        "confluent_kafka.avro",
        "confluent_kafka.aio.producer._AIOProducer",
        "confluent_kafka.aio._AIOConsumer",
        "confluent_kafka.aio._AsyncSerializingProducer",
    ),
    "aiokafka": ("aiokafka.producer.producer", "aiokafka.consumer.consumer"),
    "kafka_python": ("kafka.producer.kafka", "kafka.consumer.group"),
}
