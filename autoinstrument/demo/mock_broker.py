"""`python -m autoinstrument.demo.mock_broker RTT [TOPIC...]`: an embedded Kafka broker.

It is the mock cluster of librdkafka's own tests: in memory, with these topics, and a round trip of
RTT milliseconds. It prints its address as the only line on stdout, and ends when its stdin is
closed, so that it never outlives its parent process.
https://github.com/confluentinc/librdkafka/blob/master/src/rdkafka_mock.h
"""

from __future__ import annotations

import sys

from confluent_kafka import Producer

_PATIENCE = 5  # seconds; it takes some 0.05
_WARNINGS = 4  # of syslog's levels: otherwise librdkafka announces the mock on stderr


def main(rtt_ms: int, topics: list[str]) -> None:
    """Serve until stdin ends; raises KafkaException when there is no broker."""
    owner = Producer(
        {
            "bootstrap.servers": "mock",
            "test.mock.num.brokers": 1,
            "test.mock.broker.rtt": rtt_ms,
            "log_level": _WARNINGS,
        }
    )
    for topic in topics:
        owner.list_topics(topic, timeout=_PATIENCE)  # to be asked for is to be created
    for broker in owner.list_topics(timeout=_PATIENCE).brokers.values():
        sys.stdout.write(f"{broker.host}:{broker.port}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    if not sys.argv[1:] or not sys.argv[1].isdecimal():
        sys.exit(
            "Usage: python -m autoinstrument.demo.mock_broker RTT [TOPIC...];"
            " RTT is a whole number of milliseconds"
        )
    main(int(sys.argv[1]), sys.argv[2:])
