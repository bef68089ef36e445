"""Send a few events about users to Kafka: python producer.py BOOTSTRAP TOPIC."""

from __future__ import annotations

import json
import sys

from confluent_kafka import KafkaError, Message, Producer

CATEGORIES = ["login", "ping", "purchase", "login", "purchase"] * 4 + ["refund"]


def main(bootstrap: str, topic: str) -> str | None:
    """Send the events and return what went wrong, if something did."""
    failures: list[str] = []

    def delivered(error: KafkaError | None, message: Message) -> None:
        if error is not None:
            failures.append(f"{message.topic()}: {error.str()}")

    producer = Producer({"bootstrap.servers": bootstrap})
    for number, category in enumerate(CATEGORIES):
        event = {"id": number, "category": category, "app": "web", "user": number % 7}
        producer.produce(topic, json.dumps(event), key=str(event["user"]), on_delivery=delivered)
        producer.poll(0)
    unanswered = producer.flush(10)

    written = len(CATEGORIES) - len(failures) - unanswered
    print(f"{written} of {len(CATEGORIES)} events written to {topic}")
    if unanswered:
        failures.append(f"{bootstrap} has not answered within 10 s")
    return failures[0] if failures else None


if __name__ == "__main__":
    try:
        _, bootstrap, topic = sys.argv
    except ValueError:
        sys.exit(__doc__)
    sys.exit(main(bootstrap, topic))
