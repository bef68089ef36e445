"""Findings about writes that are slower than they need to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoinstrument.report.wording import counted, duration, number, significant

from .facts import Found, name, names
from .remedies import WITHOUT_WAITING
from .waiting import waiting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autoinstrument.report.model import Topic

    from .facts import Facts

_FEWEST_WRITES = 20  # fewer do not show how a program writes
_MOST = 0.5
_UNSERVED = 1_000_000_000  # ns in total: less may be a single late poll
_MANY = 100  # messages: keys with many values would have reached every partition
_STICKY = 100_000_000  # ns: clients may use one partition this long for messages without a key
_SLOW_MEDIAN = 250_000_000  # ns: brokers in one region answer acks=all in some 10 ms
_SLOW_TAIL = 1_000_000_000  # ns: the shortest usual deadlines of clients
_SEVERAL = 3  # median latencies: a slow broker stays slow for longer than one burst


def synchronous_writes(facts: Facts) -> Iterator[Found]:
    """Each write waits for the answer to the previous one, so that nothing is batched."""
    for found in waiting(facts.evidence):
        by = f" ({found.by}{'' if found.by == 'await' else '()'})" if found.by else ""
        gain = f"up to {significant(found.before / max(1, found.after), 2)} times as fast"
        if found.connecting > _MOST * found.observed:
            gain = f"the first write waited {duration(found.connecting)} for its connection"
        yield Found(
            f"{counted(found.writes, 'write')} to {names(found.topics)} each wait for the answer"
            f" to the previous one{by}.",
            f"{found.waited / found.observed:.0%} of the time is spent waiting:"
            f" {duration(found.waited)} of {duration(found.observed)}. Without waiting,"
            f" {duration(found.before)} would be about {duration(found.after)} at best: {gain}.",
            WITHOUT_WAITING.get(found.by, WITHOUT_WAITING[""]),
            found.traces,
            [found.service] if found.service else [],
            {"before_ns": found.before, "after_ns": found.after},
        )


def reports_unserved(facts: Facts) -> Iterator[Found]:
    """The program rarely polls, so that its delivery reports come late."""
    unserved, periods = facts.evidence.unserved, facts.evidence.unserved_for
    if sum(periods) >= _UNSERVED:
        yield Found(
            f"Delivery reports wait up to {duration(max(periods))} for the program to poll.",
            f"{counted(len(periods), 'such pause')} of 100 ms or more, {duration(sum(periods))} in"
            f" total; topics: {names(unserved.topics)}. The latencies below include them.",
            "Call poll(0.1) repeatedly in a separate thread, or poll(0) also while the program does"
            " other work: right after produce() is too early for the report of that message.",
            tuple(unserved.traces),
            unserved.services,
        )


def slow_acks(facts: Facts) -> Iterator[Found]:
    """The broker is slow to acknowledge writes."""
    excused = facts.evidence.unserved.topics
    for topic in facts.topics:
        latency = topic.latency
        if latency is None or topic.written < _FEWEST_WRITES or topic.name in excused:
            continue
        if _period(topic) < _SEVERAL * latency.p50:
            continue  # one burst, such as the first one, which waits for the connection
        if latency.p50 >= _SLOW_MEDIAN or (latency.p99 >= _SLOW_TAIL and topic.written >= _MANY):
            yield Found(
                f"Writes to {name(topic.name)} are acknowledged slowly.",
                f"Half of them take {duration(latency.p50)} or more, and one in a hundred takes"
                f" {duration(latency.p99)} or more.",
                "Measure the round trip to the brokers. If it is short, check their request queues,"
                " disks and in-sync replicas. If the program writes in bursts, check linger.ms,"
                " batch.size and compression.",
                (),
            )


def hot_partition(facts: Facts) -> Iterator[Found]:
    """Most messages of a topic have the same key, or an empty one, and go to one partition."""
    periods = {topic.name: _period(topic) for topic in facts.topics}
    for topic, keys in facts.evidence.keys.items():
        if keys.keyed < _MANY:
            continue
        ((key, count),) = keys.keys.most_common(1)
        partition, there = keys.partitions.most_common(1)[0]
        if count < _MOST * keys.keyed or there < count:
            continue  # librdkafka treats an empty key like no key
        if not key and periods.get(topic, 0) < _STICKY:
            continue
        if len(keys.keys) > 1 and len(keys.partitions) == 1:
            continue  # many keys in one partition: the topic has only that one
        named = f"the key {name(key)!r}" if key else "an empty key"
        remedy = (
            "Use a key with many values, or none: messages without a key go to all partitions."
            if key
            else "Use no key (None) instead of an empty one: messages without a key go to all"
            " partitions."
        )
        if max(keys.partitions) == 0:
            remedy += " If the topic has only one partition, add others first."
        yield Found(
            f"{count / keys.keyed:.0%} of the messages to {name(topic)} have {named}.",
            f"Partition {partition} has {number(there)} of {number(keys.keyed)} messages with a"
            " key, and a single consumer must read them all.",
            remedy,
            tuple(keys.traces),
        )


def _period(topic: Topic) -> int:
    """Return the time from the first call to the last."""
    return topic.over_time.width * len(topic.over_time.counts) if topic.over_time else 0
