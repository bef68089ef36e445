"""What a user should do something about: each function is one finding, named for its slug.

A function's first sentence is what the README says of it. Each threshold has its reason beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .evidence import MOST_TRACES
from .model import Finding
from .remedies import LOOK, REMEDIES, WITHOUT_WAITING
from .waiting import waiting
from .wording import counted, duration, number, shortened, significant

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterable, Iterator

    from .evidence import Evidence
    from .model import Cause, Topic

_FEWEST = 20  # fewer writes are a try, and no way of writing
_MOSTLY = 0.5  # more often than not
_UNSERVED = 1_000_000_000  # ns in all: less is one late poll
_AGAIN = 0.1  # who polls and writes again then finds room for many; who drops meets it full again
_MANY = 100  # messages that a good key would have spread over any number of partitions
_STICKY = 100_000_000  # ns: for so long a client may give what has no key one partition, and more
_SLOW_MEDIAN = 250_000_000  # ns: brokers of one region answer acks=all in some 10 ms
_SLOW_TAIL = 1_000_000_000  # ns: where the first client-side deadlines are
_SOME_TIMES = 3  # a broker is slow again and again
_ORPHANS = 0.1  # a few messages may be older than the agent
_LONGEST_WORDS = 200
_LONGEST_NAME = 60
_OWN_FINDING = ("lost_at_exit", "queue_full", "transaction_aborted")


class Facts(NamedTuple):
    """What there is to go by."""

    services: tuple[str, ...]
    topics: tuple[Topic, ...]
    causes: tuple[Cause, ...]
    evidence: Evidence


def findings(facts: Facts) -> tuple[Finding, ...]:
    """Return what there is to tell of a recording, gravest first."""
    return tuple(
        Finding(slug, told.headline, evidence, told.remedy, told.traces, told.numbers)
        for slug, find in FINDINGS.items()
        for told in find(facts)
        for evidence in [_of(told.evidence, told.services, facts.services)]
    )


def _of(evidence: str, services: Iterable[str], known: tuple[str, ...]) -> str:
    """Return the evidence with who is to look at it, where there are several."""
    names = list(services)
    if not names or len(known) == 1:
        return evidence
    said = f"service{'' if len(names) == 1 else 's'} {_names(names)}"
    return f"{evidence.removesuffix('.')} ({said})."


class _Told(NamedTuple):
    headline: str
    evidence: str
    remedy: str
    traces: tuple[str, ...]
    services: Iterable[str] = ()
    numbers: dict[str, int] = {}  # noqa: RUF012 - nobody changes it


def _lost_at_exit(facts: Facts) -> Iterator[_Told]:
    """Messages had no answer when the program ended: nobody knows whether they were written."""
    causes = [cause for cause in facts.causes if cause.error_type == "lost_at_exit"]
    if causes:
        lost = sum(cause.count for cause in causes)
        yield _Told(
            f"{counted(lost, 'message')} without an answer when the program ended.",
            f"{_share(causes, facts)}; whether they were written is not known.",
            "Call flush() before the program ends, also when it is told to stop (kafka-python:"
            " close(), aiokafka: await stop()).",
            *_failed(facts, "lost_at_exit"),
        )


def _failures_by_cause(facts: Facts) -> Iterator[_Told]:
    """Writes failed, each cause with its remedy."""
    by_type: dict[str, list[Cause]] = {}
    for cause in facts.causes:
        if cause.error_type not in _OWN_FINDING:
            by_type.setdefault(cause.error_type, []).append(cause)
    for error_type, causes in by_type.items():
        failed = sum(cause.count for cause in causes)
        yield _Told(
            f"{counted(failed, 'write')} to {_names(cause.topic for cause in causes)} failed:"
            f" {_name(error_type)}.",
            f"In the client's words: {shortened(causes[0].description, _LONGEST_WORDS) or 'none'}",
            REMEDIES.get(error_type, LOOK),
            *_failed(facts, error_type),
        )


def _queue_full(facts: Facts) -> Iterator[_Told]:
    """The client's own queue was full, and it refused messages: lost unless written again."""
    causes = [cause for cause in facts.causes if cause.error_type == "queue_full"]
    if causes:
        refused = sum(cause.count for cause in causes)
        names = {cause.topic for cause in causes}
        written = sum(topic.written for topic in facts.topics if topic.name in names)
        told = f"{counted(refused, 'message')} refused by the client's own full queue."
        said = "The queue empties as the brokers answer and the program polls."
        if refused <= _AGAIN * written:
            told = f"{counted(refused, 'call')} found the client's own queue full."
            said = "Nothing is lost if the program then polls and writes again, as it should."
        yield _Told(
            told,
            f"{_share(causes, facts)}. {said}",
            "On BufferError call poll() and write again; poll as you write; or raise"
            " queue.buffering.max.messages (kafka-python 2: buffer_memory; 3 has no such setting).",
            *_failed(facts, "queue_full"),
        )


def _unflushed_transaction(facts: Facts) -> Iterator[_Told]:
    """A program ended inside a transaction, which the broker takes back."""
    open_, undecided = facts.evidence.uncommitted, facts.evidence.undecided
    if open_.count:
        yield _Told(
            f"{counted(open_.count, 'message')} of a transaction that was never committed.",
            f"The program ended before commit_transaction(); topics: {_names(open_.topics)}.",
            "Commit, or abort, before the program ends; close what writes in a `finally`.",
            tuple(open_.traces),
            open_.services,
        )
    if undecided.count:
        yield _Told(
            f"{counted(undecided.count, 'message')} of a transaction whose end is not known.",
            f"The commit had no answer, or too many messages; topics: {_names(undecided.topics)}.",
            "Repeat commit_transaction() when its error is retriable; keep transactions small.",
            tuple(undecided.traces),
            undecided.services,
        )


def _synchronous_writes(facts: Facts) -> Iterator[_Told]:
    """Each write waits for the answer to the one before, instead of going out with others."""
    for found in waiting(facts.evidence):
        by = f", by {found.by}{'' if found.by == 'await' else '()'}" if found.by else ""
        gain = f"up to {significant(found.before / max(1, found.after), 2)} times as fast"
        if found.connecting > _MOSTLY * found.observed:
            gain = f"the first write has waited {duration(found.connecting)} for its connection"
        yield _Told(
            f"{counted(found.writes, 'write')} to {_names(found.topics)} wait for one answer after"
            f" the other{by}.",
            f"{found.waited / found.observed:.0%} of the time is spent waiting:"
            f" {duration(found.waited)} of {duration(found.observed)}. Without waiting,"
            f" {duration(found.before)} would be some {duration(found.after)} at best: {gain}.",
            WITHOUT_WAITING.get(found.by, WITHOUT_WAITING[""]),
            found.traces,
            [found.service] if found.service else [],
            {"before_ns": found.before, "after_ns": found.after},
        )


def _reports_unserved(facts: Facts) -> Iterator[_Told]:
    """The program produces but seldom polls, so that its answers come late."""
    unserved, periods = facts.evidence.unserved, facts.evidence.unserved_for
    if sum(periods) >= _UNSERVED:
        yield _Told(
            f"Delivery reports wait up to {duration(max(periods))} for the program to poll.",
            f"{counted(len(periods), 'such pause')} of 100 ms or more, {duration(sum(periods))} in"
            f" all; topics: {_names(unserved.topics)}. The latencies below contain them.",
            "Call poll(0.1) again and again in a thread of its own, or poll(0) also while the"
            " program does something else: right after produce() is too early for its own answer.",
            tuple(unserved.traces),
            unserved.services,
        )


def _hot_partition(facts: Facts) -> Iterator[_Told]:
    """Most messages of a topic have the same key, or an empty one, and go to one partition."""
    periods = {topic.name: _period(topic) for topic in facts.topics}
    for topic, keys in facts.evidence.keys.items():
        if keys.keyed < _MANY:
            continue
        ((key, count),) = keys.keys.most_common(1)
        partition, there = keys.partitions.most_common(1)[0]
        if count < _MOSTLY * keys.keyed or there < count:
            continue  # librdkafka spreads an empty key as if there were none
        if not key and periods.get(topic, 0) < _STICKY:
            continue
        if len(keys.keys) > 1 and len(keys.partitions) == 1:
            continue  # many keys and one partition: the topic has no other
        named = f"the key {_name(key)!r}" if key else "an empty key"
        remedy = (
            "Use a key with many values, or none: without a key messages are spread."
            if key
            else "Give no key (None) instead of an empty one: messages without one are spread."
        )
        if max(keys.partitions) == 0:
            remedy += " If it is the topic's only partition, add others first."
        yield _Told(
            f"{count / keys.keyed:.0%} of the messages to {_name(topic)} have {named}.",
            f"Partition {partition} has {number(there)} of {number(keys.keyed)} messages with a"
            " key, and one consumer has all of them.",
            remedy,
            tuple(keys.traces),
        )


def _slow_acks(facts: Facts) -> Iterator[_Told]:
    """The broker takes long to acknowledge."""
    excused = facts.evidence.unserved.topics
    for topic in facts.topics:
        latency = topic.latency
        if latency is None or topic.written < _FEWEST or topic.name in excused:
            continue
        if _period(topic) < _SOME_TIMES * latency.p50:
            continue  # one burst, as at the start of a program, which waits for its connection
        if latency.p50 >= _SLOW_MEDIAN or (latency.p99 >= _SLOW_TAIL and topic.written >= _MANY):
            yield _Told(
                f"Writes to {_name(topic.name)} are acknowledged slowly.",
                f"Half take {duration(latency.p50)} or more, one in a hundred"
                f" {duration(latency.p99)}.",
                "Compare with the round trip to the brokers: if that is short, look at"
                " their request queue, disks and in-sync replicas; if the program writes in bursts,"
                " at linger.ms, batch.size and compression.",
                (),
            )


def _period(topic: Topic) -> int:
    """Return the time from the first call to the last."""
    return topic.over_time.width * len(topic.over_time.counts) if topic.over_time else 0


def _broken_trace(facts: Facts) -> Iterator[_Told]:
    """Consumed messages carry no trace context, so that their traces begin in the middle."""
    consumed = facts.evidence.consumed
    cases = {
        topic: case
        for topic, case in facts.evidence.without_context.items()
        if case.count >= max(_FEWEST / 2, _ORPHANS * consumed[topic])
    }
    if cases:
        orphans = sum(case.count for case in cases.values())
        whole = sum(consumed[topic] for topic in cases)
        yield _Told(
            f"{number(orphans)} of {counted(whole, 'message')} from {_names(cases)} carry no trace"
            " context.",
            "Their traces begin with their consumption, and not with who wrote them.",
            "Run what writes them under the agent, or have it send a traceparent header; look for"
            " AUTOINSTRUMENT_PROPAGATE=0, for what copies messages without headers, and for writers"
            " that carry none: AIOProducer, produce_batch() and aiokafka's send_batch().",
            tuple(trace for case in cases.values() for trace in case.traces)[:MOST_TRACES],
            {service for case in cases.values() for service in case.services},
        )


def _oversized_headers(facts: Facts) -> Iterator[_Told]:
    """Messages are so near to the size limit that the trace context does not fit in."""
    omitted, refused = facts.evidence.header_omitted, facts.evidence.header_refused
    if omitted.count:
        yield _Told(
            f"{counted(omitted.count, 'message')} went out without trace context: too large.",
            f"They fit the client's limit only without its 70 bytes; topics:"
            f" {_names(omitted.topics)}.",
            "Raise message.max.bytes (kafka-python, aiokafka: max_request_size) a little.",
            tuple(omitted.traces),
            omitted.services,
        )
    if refused.count:
        yield _Told(
            f"{counted(refused.count, 'message')} with trace context refused as too large.",
            f"It adds 70 bytes, which may be what was too much; topics: {_names(refused.topics)}.",
            "Raise the topic's max.message.bytes; AUTOINSTRUMENT_PROPAGATE=0 shows whether it was"
            " the trace context.",
            tuple(refused.traces),
            refused.services,
        )


def _acks_zero(facts: Facts) -> Iterator[_Told]:
    """Messages are written with acks=0: nobody knows whether they arrive."""
    case = facts.evidence.without_acks
    if case.count:
        yield _Told(
            f"{counted(case.count, 'message')} sent with acks=0.",
            f"The broker does not answer, so a lost message is lost silently; topics:"
            f" {_names(case.topics)}.",
            "Use acks=all, or acks=1, unless messages may be lost.",
            tuple(case.traces),
            case.services,
        )


FINDINGS: dict[str, Callable[[Facts], Iterator[_Told]]] = {
    find.__name__.strip("_").replace("_", "-"): find
    for find in (
        _lost_at_exit,
        _unflushed_transaction,
        _failures_by_cause,
        _queue_full,
        _synchronous_writes,
        _reports_unserved,
        _slow_acks,
        _hot_partition,
        _oversized_headers,
        _broken_trace,
        _acks_zero,
    )
}
"""Gravest first: what is lost, what is slow, what is not seen."""


def _names(names: Iterable[str] | Counter[str]) -> str:
    """Return up to three names."""
    found = sorted({_name(name) for name in names})
    return ", ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")  # noqa: PLR2004 - as said


def _name(topic: str) -> str:
    return shortened(topic, _LONGEST_NAME)


def _share(causes: list[Cause], facts: Facts) -> str:
    """Return how many of how many messages: `3 of 20 messages to orders`."""
    names = {cause.topic for cause in causes}
    failed = sum(cause.count for cause in causes)
    whole = sum(topic.messages for topic in facts.topics if topic.name in names)
    return f"{number(failed)} of {counted(whole, 'message')} to {_names(names)}"


def _failed(facts: Facts, error_type: str) -> tuple[tuple[str, ...], Iterable[str]]:
    """Return traces and services of failures."""
    case = facts.evidence.failures[error_type]
    return tuple(case.traces), case.services
