"""Findings about messages that are, or may be, lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoinstrument.report.wording import counted, number, shortened

from .facts import Found, name, names, share, traces_and_services
from .remedies import LOOK_CLOSER, REMEDIES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autoinstrument.report.model import Cause

    from .facts import Facts

_HANDLED = 0.1  # of the writes: a program that polls and retries then finds room for many
_LONGEST_MESSAGE = 200
_OTHER_FINDINGS = ("lost_at_exit", "queue_full", "transaction_aborted")


def lost_at_exit(facts: Facts) -> Iterator[Found]:
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
                f"Wait for what {names(case.publishers)} returned before the program ends."
            )
        yield Found(
            f"{counted(lost, 'message')} had no answer when the program ended.",
            f"{share(causes, facts)}; {'it' if lost == 1 else 'they'} may or may not have been"
            " written.",
            " ".join(remedies),
            *traces_and_services(facts, "lost_at_exit"),
        )


def unflushed_transaction(facts: Facts) -> Iterator[Found]:
    """A program ended inside a transaction, which the broker then aborts."""
    open_, undecided = facts.evidence.uncommitted, facts.evidence.undecided
    if open_.count:
        yield Found(
            f"{counted(open_.count, 'message')} of a transaction"
            f" {'was' if open_.count == 1 else 'were'} never committed.",
            f"The program ended before commit_transaction(); topics: {names(open_.topics)}.",
            "Commit or abort before the program ends, in a `finally` block for example.",
            tuple(open_.traces),
            open_.services,
        )
    if undecided.count:
        yield Found(
            f"The outcome of {counted(undecided.count, 'message')} of a transaction is unknown.",
            f"The commit had no answer, or there were too many messages; topics:"
            f" {names(undecided.topics)}.",
            "Retry commit_transaction() if its error is retriable; keep transactions small.",
            tuple(undecided.traces),
            undecided.services,
        )


def failures_by_cause(facts: Facts) -> Iterator[Found]:
    """Writes failed; each cause has its own fix."""
    by_type: dict[str, list[Cause]] = {}
    for cause in facts.causes:
        if cause.error_type not in _OTHER_FINDINGS:
            by_type.setdefault(cause.error_type, []).append(cause)
    for error_type, causes in by_type.items():
        failed = sum(cause.count for cause in causes)
        publishers = facts.evidence.failures[error_type].publishers
        look = (
            f"{names(publishers)} raised it: see the program's log." if publishers else LOOK_CLOSER
        )
        yield Found(
            f"{counted(failed, 'write')} to {names(cause.topic for cause in causes)} failed:"
            f" {name(error_type)}.",
            _message_of(causes[0].description),
            REMEDIES.get(error_type, look),
            *traces_and_services(facts, error_type),
        )


def _message_of(description: str) -> str:
    if not description or " " in description:
        return f"Error message: {shortened(description, _LONGEST_MESSAGE) or 'none'}"
    return (  # the name of a type alone
        f"Exception: {description}. Its message is not recorded, since it may quote what was"
        " written; AUTOINSTRUMENT_EXCEPTION_WORDS=1 records it."
    )


def failed_processing(facts: Facts) -> Iterator[Found]:
    """The program failed to process messages that it had read, which may be lost."""
    for error_type, case in facts.evidence.unprocessed.items():
        read = sum(facts.evidence.consumed[topic] for topic in case.topics)
        yield Found(
            f"{counted(case.count, 'message')} from {names(case.topics)} could not be processed:"
            f" {name(error_type)}.",
            f"{number(case.count)} of {counted(read, 'message')} read; a message is lost to its"
            " consumer group once its offset is committed.",
            "See the program's log and the traces. Commit an offset when its message has been"
            " processed, and keep one that cannot be, in a dead letter topic for example.",
            tuple(case.traces),
            case.services,
        )


def queue_full(facts: Facts) -> Iterator[Found]:
    """The client's queue was full, so it rejected messages, which are lost unless written again."""
    causes = [cause for cause in facts.causes if cause.error_type == "queue_full"]
    if causes:
        refused = sum(cause.count for cause in causes)
        topics = {cause.topic for cause in causes}
        written = sum(topic.written for topic in facts.topics if topic.name in topics)
        told = f"The client's queue was full and rejected {counted(refused, 'message')}."
        said = "The queue drains as the brokers answer and the program polls."
        if refused <= _HANDLED * written:
            told = f"{counted(refused, 'call')} found the client's queue full."
            said = "Nothing is lost if the program then polls and writes again, as it should."
        yield Found(
            told,
            f"{share(causes, facts)}. {said}",
            "On BufferError, call poll() and write again; poll while writing; or raise"
            " queue.buffering.max.messages (kafka-python 2: buffer_memory; 3 has no such setting).",
            *traces_and_services(facts, "queue_full"),
        )
