"""The findings: each function finds one kind of problem, and is named for its slug.

The first sentence of its docstring describes the finding in the help. Each threshold has its reason
beside it.
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
    """What the findings are based on."""

    services: tuple[str, ...]
    topics: tuple[Topic, ...]
    causes: tuple[Cause, ...]
    evidence: Evidence


def findings(facts: Facts) -> tuple[Finding, ...]:
    """Return the findings of a recording, most severe first."""
    return tuple(
        Finding(slug, told.headline, evidence, told.remedy, told.traces, told.numbers)
        for slug, find in FINDINGS.items()
        for told in find(facts)
        for evidence in [_of(told.evidence, told.services, facts.services)]
    )


def _of(evidence: str, services: Iterable[str], known: tuple[str, ...]) -> str:
    """Return the evidence, with the services concerned if the recording has several."""
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
    """Messages had no answer when the program ended, and may be lost."""
    causes = [cause for cause in facts.causes if cause.error_type == "lost_at_exit"]
    if causes:
        lost = sum(cause.count for cause in causes)
        case = facts.evidence.failures["lost_at_exit"]
        remedies = []
        if case.count > case.publishers.total():
            remedies.append(
                "Call flush() before the program ends, including when it is asked to stop"
                " (kafka-python: close(), aiokafka: await stop())."
            )
        if case.publishers:
            remedies.append(
                f"Wait for what {_names(case.publishers)} returned before the program ends."
            )
        yield _Told(
            f"{counted(lost, 'message')} had no answer when the program ended.",
            f"{_share(causes, facts)}; they may or may not have been written.",
            " ".join(remedies),
            *_failed(facts, "lost_at_exit"),
        )


def _failures_by_cause(facts: Facts) -> Iterator[_Told]:
    """Writes failed; each cause has its own fix."""
    by_type: dict[str, list[Cause]] = {}
    for cause in facts.causes:
        if cause.error_type not in _OWN_FINDING:
            by_type.setdefault(cause.error_type, []).append(cause)
    for error_type, causes in by_type.items():
        failed = sum(cause.count for cause in causes)
        publishers = facts.evidence.failures[error_type].publishers
        otherwise = (
            f"{_names(publishers)} raised it: see the program's log." if publishers else LOOK
        )
        yield _Told(
            f"{counted(failed, 'write')} to {_names(cause.topic for cause in causes)} failed:"
            f" {_name(error_type)}.",
            f"Error message: {shortened(causes[0].description, _LONGEST_WORDS) or 'none'}",
            REMEDIES.get(error_type, otherwise),
            *_failed(facts, error_type),
        )


def _queue_full(facts: Facts) -> Iterator[_Told]:
    """The client's queue was full, so it rejected messages, which are lost unless written again."""
    causes = [cause for cause in facts.causes if cause.error_type == "queue_full"]
    if causes:
        refused = sum(cause.count for cause in causes)
        names = {cause.topic for cause in causes}
        written = sum(topic.written for topic in facts.topics if topic.name in names)
        told = f"The client's queue was full and rejected {counted(refused, 'message')}."
        said = "The queue drains as the brokers answer and the program polls."
        if refused <= _AGAIN * written:
            told = f"{counted(refused, 'call')} found the client's queue full."
            said = "Nothing is lost if the program then polls and writes again, as it should."
        yield _Told(
            told,
            f"{_share(causes, facts)}. {said}",
            "On BufferError, call poll() and write again; poll while writing; or raise"
            " queue.buffering.max.messages (kafka-python 2: buffer_memory; 3 has no such setting).",
            *_failed(facts, "queue_full"),
        )


def _unflushed_transaction(facts: Facts) -> Iterator[_Told]:
    """A program ended inside a transaction, which the broker then aborts."""
    open_, undecided = facts.evidence.uncommitted, facts.evidence.undecided
    if open_.count:
        yield _Told(
            f"{counted(open_.count, 'message')} of a transaction"
            f" {'was' if open_.count == 1 else 'were'} never committed.",
            f"The program ended before commit_transaction(); topics: {_names(open_.topics)}.",
            "Commit or abort before the program ends, in a `finally` block for example.",
            tuple(open_.traces),
            open_.services,
        )
    if undecided.count:
        yield _Told(
            f"The outcome of {counted(undecided.count, 'message')} of a transaction is unknown.",
            f"The commit had no answer, or there were too many messages; topics:"
            f" {_names(undecided.topics)}.",
            "Retry commit_transaction() if its error is retriable; keep transactions small.",
            tuple(undecided.traces),
            undecided.services,
        )


def _synchronous_writes(facts: Facts) -> Iterator[_Told]:
    """Each write waits for the answer to the previous one, so that nothing is batched."""
    for found in waiting(facts.evidence):
        by = f" ({found.by}{'' if found.by == 'await' else '()'})" if found.by else ""
        gain = f"up to {significant(found.before / max(1, found.after), 2)} times as fast"
        if found.connecting > _MOSTLY * found.observed:
            gain = f"the first write waited {duration(found.connecting)} for its connection"
        yield _Told(
            f"{counted(found.writes, 'write')} to {_names(found.topics)} each wait for the answer"
            f" to the previous one{by}.",
            f"{found.waited / found.observed:.0%} of the time is spent waiting:"
            f" {duration(found.waited)} of {duration(found.observed)}. Without waiting,"
            f" {duration(found.before)} would be about {duration(found.after)} at best: {gain}.",
            WITHOUT_WAITING.get(found.by, WITHOUT_WAITING[""]),
            found.traces,
            [found.service] if found.service else [],
            {"before_ns": found.before, "after_ns": found.after},
        )


def _reports_unserved(facts: Facts) -> Iterator[_Told]:
    """The program rarely polls, so that its delivery reports come late."""
    unserved, periods = facts.evidence.unserved, facts.evidence.unserved_for
    if sum(periods) >= _UNSERVED:
        yield _Told(
            f"Delivery reports wait up to {duration(max(periods))} for the program to poll.",
            f"{counted(len(periods), 'such pause')} of 100 ms or more, {duration(sum(periods))} in"
            f" total; topics: {_names(unserved.topics)}. The latencies below include them.",
            "Call poll(0.1) repeatedly in a separate thread, or poll(0) also while the program does"
            " other work: right after produce() is too early for the report of that message.",
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
            "Use a key with many values, or none: messages without a key go to all partitions."
            if key
            else "Use no key (None) instead of an empty one: messages without a key go to all"
            " partitions."
        )
        if max(keys.partitions) == 0:
            remedy += " If the topic has only one partition, add others first."
        yield _Told(
            f"{count / keys.keyed:.0%} of the messages to {_name(topic)} have {named}.",
            f"Partition {partition} has {number(there)} of {number(keys.keyed)} messages with a"
            " key, and a single consumer must read them all.",
            remedy,
            tuple(keys.traces),
        )


def _slow_acks(facts: Facts) -> Iterator[_Told]:
    """The broker is slow to acknowledge writes."""
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
                f"Half of them take {duration(latency.p50)} or more, and one in a hundred takes"
                f" {duration(latency.p99)} or more.",
                "Measure the round trip to the brokers. If it is short, check their request queues,"
                " disks and in-sync replicas. If the program writes in bursts, check linger.ms,"
                " batch.size and compression.",
                (),
            )


def _period(topic: Topic) -> int:
    """Return the time from the first call to the last."""
    return topic.over_time.width * len(topic.over_time.counts) if topic.over_time else 0


def _broken_trace(facts: Facts) -> Iterator[_Told]:
    """Consumed messages carry no trace context, so that their traces start at the consumer."""
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
            "Their traces start at the consumer, not at the producer.",
            "Run the producer under the agent, or have it send a traceparent header. Look for"
            " AUTOINSTRUMENT_PROPAGATE=0, for code that copies messages without their headers, and"
            " for calls that send none: AIOProducer, produce_batch() and aiokafka's send_batch().",
            tuple(trace for case in cases.values() for trace in case.traces)[:MOST_TRACES],
            {service for case in cases.values() for service in case.services},
        )


def _oversized_headers(facts: Facts) -> Iterator[_Told]:
    """Messages are so close to the size limit that the trace context does not fit."""
    omitted, refused = facts.evidence.header_omitted, facts.evidence.header_refused
    if omitted.count:
        yield _Told(
            f"{counted(omitted.count, 'message')} had no room for the trace context.",
            f"The context takes 70 bytes, which would exceed the client's limit; topics:"
            f" {_names(omitted.topics)}.",
            "Raise message.max.bytes slightly (kafka-python, aiokafka: max_request_size).",
            tuple(omitted.traces),
            omitted.services,
        )
    if refused.count:
        yield _Told(
            f"The broker rejected {counted(refused.count, 'message')} with trace context as too"
            " large.",
            f"The context takes 70 bytes, which may be what exceeded the limit; topics:"
            f" {_names(refused.topics)}.",
            "Raise the topic's max.message.bytes. AUTOINSTRUMENT_PROPAGATE=0 shows whether the"
            " trace context was the cause.",
            tuple(refused.traces),
            refused.services,
        )


def _acks_zero(facts: Facts) -> Iterator[_Told]:
    """Messages are sent with acks=0, so that nobody knows whether they arrive."""
    case = facts.evidence.without_acks
    if case.count:
        yield _Told(
            f"The program sent {counted(case.count, 'message')} with acks=0.",
            f"The broker does not answer, so that messages can be lost silently; topics:"
            f" {_names(case.topics)}.",
            "Use acks=all or acks=1, unless messages may be lost.",
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
"""Most severe first: what is lost, what is slow, what cannot be seen."""


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
