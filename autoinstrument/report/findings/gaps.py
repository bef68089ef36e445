"""Findings about what nobody can see: broken traces, and messages that no broker confirms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoinstrument.report.wording import counted, number

from .evidence import MOST_TRACES
from .facts import Found, names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .facts import Facts

_FEWEST = 10  # messages
_ORPHANS = 0.1  # of the messages: a few may be older than the agent


def oversized_headers(facts: Facts) -> Iterator[Found]:
    """Messages are so close to the size limit that the trace context does not fit."""
    omitted, refused = facts.evidence.header_omitted, facts.evidence.header_refused
    if omitted.count:
        yield Found(
            f"{counted(omitted.count, 'message')} had no room for the trace context.",
            f"The context takes 70 bytes, which would exceed the client's limit; topics:"
            f" {names(omitted.topics)}.",
            "Raise message.max.bytes slightly (kafka-python, aiokafka: max_request_size).",
            tuple(omitted.traces),
            omitted.services,
        )
    if refused.count:
        yield Found(
            f"The broker rejected {counted(refused.count, 'message')} with trace context as too"
            " large.",
            f"The context takes 70 bytes, which may be what exceeded the limit; topics:"
            f" {names(refused.topics)}.",
            "Raise the topic's max.message.bytes. AUTOINSTRUMENT_PROPAGATE=0 shows whether the"
            " trace context was the cause.",
            tuple(refused.traces),
            refused.services,
        )


def broken_trace(facts: Facts) -> Iterator[Found]:
    """Consumed messages carry no trace context, so that their traces start at the consumer."""
    consumed = facts.evidence.consumed
    cases = {
        topic: case
        for topic, case in facts.evidence.without_context.items()
        if case.count >= max(_FEWEST, _ORPHANS * consumed[topic])
    }
    if cases:
        orphans = sum(case.count for case in cases.values())
        whole = sum(consumed[topic] for topic in cases)
        yield Found(
            f"{number(orphans)} of {counted(whole, 'message')} from {names(cases)} carry no trace"
            " context.",
            "Their traces start at the consumer, not at the producer.",
            "Run the producer under the agent, or have it send a traceparent header. Look for"
            " AUTOINSTRUMENT_PROPAGATE=0, for code that copies messages without their headers, and"
            " for calls that send none: AIOProducer, produce_batch() and aiokafka's send_batch().",
            tuple(trace for case in cases.values() for trace in case.traces)[:MOST_TRACES],
            {service for case in cases.values() for service in case.services},
        )


def acks_zero(facts: Facts) -> Iterator[Found]:
    """Messages are sent with acks=0, so that nobody knows whether they arrive."""
    case = facts.evidence.without_acks
    if case.count:
        yield Found(
            f"The program sent {counted(case.count, 'message')} with acks=0.",
            f"The broker does not answer, so that messages can be lost silently; topics:"
            f" {names(case.topics)}.",
            "Use acks=all or acks=1, unless messages may be lost.",
            tuple(case.traces),
            case.services,
        )
