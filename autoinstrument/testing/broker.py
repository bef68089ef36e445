"""A broker as the claims use it: they create topics on it, and read what is in its log.

A client does both, in pytest's own process, where nothing is traced: confluent-kafka, or
kafka-python where there is no wheel of that.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING or find_spec("confluent_kafka"):
    from .confluent_broker import Broker
else:
    from .kafka_python_broker import Broker

__all__ = ["Broker"]
