"""The cases: which client does what, how fast, and how it is sampled."""

from __future__ import annotations

from dataclasses import asdict, dataclass

ALL = "parentbased_always_on"
"""The sampler that drops nothing."""


@dataclass(frozen=True)
class Case:
    """One program; `start` alone does nothing with Kafka."""

    name: str
    words: str
    client: str = "confluent_kafka"
    action: str = "produce"
    """`start`, `produce` or `consume`."""
    messages: int = 20_000
    warm_up: int = 500
    """Messages before those that are measured."""
    bytes: int = 100
    """Of each message."""
    topics: int = 1
    per_second: int = 0
    """In all threads together; 0 is as fast as it goes, in bursts of a thousand."""
    threads: int = 1
    sampler: str = ALL
    sampler_arg: str = ""

    def as_arguments(self) -> dict[str, object]:
        """Return what the workload must know."""
        return asdict(self)


CASES = (
    Case("start", "the start of `python -c pass`", action="start"),
    Case("produce", "confluent-kafka writes, every message sampled"),
    Case(
        "produce-sampled-out",
        "confluent-kafka writes, none sampled",
        sampler="parentbased_traceidratio",
        sampler_arg="0",
    ),
    Case("consume", "confluent-kafka polls, every message sampled", action="consume"),
    Case(
        "produce-1-percent",
        "confluent-kafka writes, 1 % sampled",
        sampler="parentbased_traceidratio",
        sampler_arg="0.01",
    ),
    Case(
        "produce-steady",
        "confluent-kafka writes 1,000 messages a second",
        messages=3000,
        per_second=1000,
    ),
    Case("produce-8-threads", "confluent-kafka writes from 8 threads", threads=8),
    Case("produce-100-kB", "confluent-kafka writes 100 kB each", messages=500, bytes=100_000),
    Case("produce-1000-topics", "confluent-kafka writes to 1,000 topics", topics=1000),
    Case("produce-kafka-python", "kafka-python writes", client="kafka", messages=8000),
    Case("produce-aiokafka", "aiokafka writes", client="aiokafka", messages=8000),
    Case(
        "consume-kafka-python",
        "kafka-python is iterated",
        client="kafka",
        action="consume",
        messages=8000,
    ),
    Case(
        "consume-aiokafka", "aiokafka's getone", client="aiokafka", action="consume", messages=8000
    ),
)
USUAL = ("start", "produce", "produce-sampled-out", "consume")
"""What is measured when nothing is asked for."""
