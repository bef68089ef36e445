"""What all writes of one producer have in common."""

from __future__ import annotations

import threading
from collections import deque
from contextlib import contextmanager
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol
from weakref import ReferenceType, WeakSet, ref

from opentelemetry.trace import SpanKind, get_current_span

from autoinstrument.process.limits import cut
from autoinstrument.process.settings import settings

from .attributes import Attributes, TopicAttributes, server_attributes
from .client_call import CallSpan, ClientCall
from .errors import LOST_AT_EXIT
from .transactions import Transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from autoinstrument.process.guard import Guard

    from .client import Client
    from .errors import Failure

_FINALIZED_AFTER = 60.0  # seconds
_MOST_WAITED_FOR = 64  # one a thread: with more open, somebody has written several before waiting


class OpenWrite(Protocol):
    """A write that has no answer yet, as its producer sees it."""

    @property
    def is_waited_for(self) -> bool:
        """Whether the application waits for the answer to this one message."""

    def waited_for(self, how: str) -> None:
        """Note that it does, by `how`."""

    def unconfirmed(self) -> None:
        """Close the write without a verdict."""

    def failed(self, error_type: str, description: str) -> None:
        """Close the write as failed."""

    def lost(self) -> None:
        """Close the write that the end of the process leaves without an answer."""

    def abandon(self) -> None:
        """Leave the write without a span."""


class TracedProducer:
    """One producer: its identity, the writes that are still open, its transaction.

    `unconfirmed` says that an acknowledgement of this producer proves nothing (`acks=0`).
    `producer` is not kept: when it is collected, what it has not delivered is lost.
    """

    client: Client
    guard: Guard
    """What contains the agent's failures at its writes."""

    def __init__(
        self,
        producer: Any,
        *,
        client_id: str | None = None,
        servers: str = "",
        unconfirmed: bool = False,
    ) -> None:
        """`servers` is a list as the client is given it; what cannot be known is left out."""
        known: dict[str, str | int] = {"messaging.system": "kafka"}
        if client_id is not None:
            known["messaging.client.id"] = cut(client_id)
        self.package = self.client.package
        self.unconfirmed = unconfirmed or not self.client.has_answers
        self.has_roots = settings().root_spans
        self.propagates = settings().propagate and self.client.has_headers
        self.open: set[OpenWrite] = set()
        self.lost = 0
        """How many writes have got no answer by the end of the process."""
        self.transaction: Transaction | None = None
        self._attributes: dict[str, str | int] = {
            **known,
            "messaging.operation.name": "send",
            "messaging.operation.type": "send",
            **server_attributes(servers),
        }
        if unconfirmed:
            self._attributes["autoinstrument.acks"] = "0"
        self.flush_attributes = Attributes({**known, "messaging.operation.name": "flush"})
        """The attributes of a flush."""
        self.topics = TopicAttributes(self._attributes)
        self._producer: ReferenceType[Any] = ref(producer, self.dropped)
        with _producers_lock:
            _producers.add(self)

    def waits(self, how: str) -> None:
        """Note that the application waits, by `how`, if it is for one message alone.

        Those that other threads wait for are noted already.
        """
        if len(self.open) > _MOST_WAITED_FOR:
            return
        alone = [write for write in self.open.copy() if not write.is_waited_for]
        if len(alone) == 1:
            alone[0].waited_for(how)

    def begin_transaction(self) -> None:
        """Hold what is written from now on; that the client has begun decides on the one before."""
        if self.transaction is not None:
            decide = Transaction.committed if self.transaction.committing else Transaction.aborted
            self.decide(decide)
        self.transaction = Transaction()

    def decide(self, outcome: Callable[[Transaction], None]) -> None:
        """Apply the outcome to the transaction of this moment, if there is one."""
        transaction, self.transaction = self.transaction, None
        if transaction is not None:
            outcome(transaction)

    def read_answers(self) -> bool:
        """Take note of answers that the client has given, if it does not tell of each.

        Return whether there are more: many are read in portions, each exported before the next.
        """
        return False

    def end(self) -> int:
        """Decide on what the end of the process leaves open; return how many writes are lost."""
        for write in self.open.copy():
            with self.guard.abandoning(write):
                write.lost()
        self.decide(Transaction.end)
        return self.lost

    def abandon(self) -> int:
        """Leave all that is open without a span; return how many writes that concerns."""
        writes, transaction = self.open.copy(), self.transaction
        for write in writes:
            write.abandon()
        self.transaction = None
        return len(writes) + (0 if transaction is None else transaction.abandon())

    def dropped(self, _: object = None) -> None:
        """Close what is open as lost: the producer was dropped, and nothing answers any more."""
        # Not yet: the garbage collector calls before it finalizes what it has found, and a
        # publisher may flush in its `__del__`.
        if self.open or self.transaction is not None:
            _dropped.append((monotonic() + _FINALIZED_AFTER, self))

    def give_up(self) -> None:
        """Decide on what the producer had not delivered, or committed, when it was dropped."""
        global _dropped_writes  # noqa: PLW0603 - the process's one
        words = "the producer was dropped before the broker had answered"
        for write in self.open.copy():
            with self.guard:
                write.failed(LOST_AT_EXIT, words)
                _dropped_writes += 1
        with self.guard:
            self.decide(Transaction.end)


_producers: WeakSet[TracedProducer] = WeakSet()
_producers_lock = threading.Lock()
_dropped: deque[tuple[float, TracedProducer]] = deque()
"""Producers that were dropped with open writes, and when their finalizers have surely run."""
_dropped_writes = 0
_kept: list[TracedProducer] = []


def end_producers() -> int:
    """Decide on what the end of the process leaves open; return how many writes are lost."""
    _give_up_dropped(inf)
    lost = _dropped_writes
    for producer in traced_producers():
        with producer.guard:
            lost += producer.end()
    _kept.clear()
    return lost


def read_answers() -> bool:
    """Take note of answers that have come, however long the calls last that wait for more.

    Return whether there are more.
    """
    more = False
    for producer in traced_producers():
        with producer.guard:
            more |= producer.read_answers()
    return more


def traced_producers() -> list[TracedProducer]:
    """Return the producers of this process that may still have something to tell."""
    with _producers_lock:
        return list(_producers)


def keep_producers() -> bool:
    """Keep each producer until `end_producers`; whether a write has no answer yet.

    For the end of the process, when the application's objects go first.
    """
    _kept.extend(traced_producers())
    return bool(in_flight())


def in_flight() -> int:
    """Return how many writes have no answer yet."""
    _give_up_dropped(monotonic())
    return sum(len(producer.open) for producer in traced_producers())


def _give_up_dropped(now: float) -> None:
    while _dropped and _dropped[0][0] <= now:
        _dropped.popleft()[1].give_up()


def forget_producers() -> None:
    """Leave what a forked child has inherited to the parent, whose producers those are."""
    global _producers_lock, _dropped_writes
    _producers_lock, _dropped_writes = threading.Lock(), 0  # the parent's may be held for ever
    _dropped.clear()
    _kept.clear()
    for producer in traced_producers():
        producer.open.clear()
        producer.lost = 0
        producer.transaction = None


def flush_span(
    guard: Guard, producer: TracedProducer | None, failure: Callable[[BaseException], Failure]
) -> CallSpan:
    """Return the span of a producer's flush; it is none if there is nothing to wait for.

    Nor is it one where no span is active: there is no trace that it could show to be waiting.
    """
    call = None
    if producer is not None and producer.open:
        with guard:
            producer.waits("flush")
            if producer.open and get_current_span().get_span_context().is_valid:
                call = ClientCall(SpanKind.INTERNAL, producer.flush_attributes, long_only=True)
    return CallSpan(call, failure, guard)


@contextmanager
def deciding(
    guard: Guard, producer: TracedProducer | None, outcome: Callable[[Transaction], None]
) -> Iterator[None]:
    """Enclose a client's call that decides on its transaction by `outcome`, if it succeeds."""
    yield
    with guard:
        if producer is not None:
            producer.decide(outcome)


@contextmanager
def committing(
    guard: Guard, producer: TracedProducer | None, can_abort: Callable[[Exception], bool]
) -> Iterator[None]:
    """Enclose the call that commits; until it is answered nothing is known.

    `can_abort` says of an exception whether the client can still abort the transaction.
    """
    transaction = None if producer is None else producer.transaction
    if transaction is not None:
        transaction.committing = True
    try:
        with deciding(guard, producer, Transaction.committed):
            yield
    except Exception as error:
        with guard:
            if transaction is not None:
                transaction.committing = not can_abort(error)
        raise
