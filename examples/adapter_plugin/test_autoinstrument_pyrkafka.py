"""pyrkafka keeps the contract that `autoinstrument.testing` has for every client.

`BOOTSTRAP=localhost:9092 python -m pytest` runs it on the Apache Kafka at that address.
"""

from __future__ import annotations

import os

import pytest

from autoinstrument.testing import Contract


class TestPyrkafka(Contract):
    """A client without headers, answers, transactions or a consumer that is traced."""

    has_headers = False
    has_answers = False
    refuses_when_closed = False
    has_transactions = False
    consumes = False
    facade = """
from pyrkafka import PyrKafkaProducer
ORDER = ["topic", "value", "key"]
def connect(bootstrap, timeout=None):
    return PyrKafkaProducer(bootstrap)
def write(producer, topic, value=None, key=None):
    if key is None:
        return producer.produce(topic, value)
    return producer.produce_with_key(topic, value, key)
def close(producer):
    producer.flush()
"""

    @pytest.fixture
    def bootstrap(self) -> str:
        """Return the address of the broker."""
        return os.environ["BOOTSTRAP"]
