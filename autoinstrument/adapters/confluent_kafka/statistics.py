"""librdkafka's statistics as gauges, where the application has asked for them.

Fields and units: https://github.com/confluentinc/librdkafka/blob/v2.3.0/STATISTICS.md
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from autoinstrument.adapter import Kind, Statistics, publish, wants_metrics

if TYPE_CHECKING:
    from autoinstrument.adapter import Gauges, Guard

_QUEUED = Kind("librdkafka.queue.messages", "{message}", "Waiting in the producer.")
_QUEUED_BYTES = Kind("librdkafka.queue.size", "By", "Waiting in the producer.")
_ROUND_TRIP = Kind("librdkafka.broker.rtt", "s", "Average round trip to a broker.")
_LAG = Kind("librdkafka.consumer.lag", "{message}", "From what is committed to the end.")
_MICROSECOND = 1e-6


def watch_statistics(
    args: tuple[Any, ...], kwargs: dict[str, Any], guard: Guard
) -> tuple[Any, ...]:
    """Return a client's arguments with a `stats_cb` that reads along, if statistics are on.

    The application's own runs as before; without one librdkafka's event is served all the same.
    """
    configuration = args[0] if args and isinstance(args[0], dict) else {}
    interval = configuration.get("statistics.interval.ms", kwargs.get("statistics.interval.ms"))
    given = configuration.get("stats_cb")
    is_on = interval is not None and str(interval).isdigit() and int(interval) > 0
    if not (is_on and wants_metrics()) or "stats_cb" in kwargs:
        return args
    if given is not None and not callable(given):
        return args  # the client will say what is wrong
    statistics = Statistics()

    def told(text: str) -> Any:
        with guard:
            statistics.gauges = _gauges(json.loads(text))
            publish(statistics)
        return None if given is None else given(text)

    return ({**configuration, "stats_cb": told}, *args[1:])


def _gauges(told: dict[str, Any]) -> Gauges:
    client = (("messaging.client.id", told["client_id"]), ("librdkafka.name", told["name"]))
    found: Gauges = {}
    if told["type"] == "producer":
        found[_QUEUED] = {client: told["msg_cnt"]}
        found[_QUEUED_BYTES] = {client: told["msg_size"]}
        # Not a consumer's, which are as long as it waits for messages.
        found[_ROUND_TRIP] = {
            (*client, ("librdkafka.broker.id", each["nodeid"])): each["rtt"]["avg"] * _MICROSECOND
            for each in told["brokers"].values()
            if each["nodeid"] >= 0 and each["rtt"]["cnt"]
        }
    found[_LAG] = {
        (
            *client,
            ("messaging.destination.name", topic["topic"]),
            ("messaging.destination.partition.id", str(partition["partition"])),
        ): partition["consumer_lag"]
        for topic in told["topics"].values()
        for partition in topic["partitions"].values()
        if partition["partition"] >= 0 and partition["consumer_lag"] >= 0
    }
    return found
