"""What an adapter must do, written once for all clients.

Each claim starts programs, since a client is traced from its import on, and compares them with and
without the agent. They are written with a facade, which makes any client look alike.
"""

from __future__ import annotations

from random import randint
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from . import bodies
from .broker import Broker
from .messages import any_message
from .programs import Programs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from .programs import Run
    from .record import Record
    from .recording import Span

_MESSAGES = 100
_NO_SPAN = "0" * 16
_OFFSET = "messaging.kafka.offset"

_OTHER = (f"{0x123:032x}", f"{0x456:016x}")
_FAULTS: dict[str, tuple[dict[str, Any], int]] = {
    "too large for the topic": ({"max_message_bytes": "500"}, 1000),
    "too large for the client": ({}, 3_000_000),
    "refused by the broker": ({"cleanup_policy": "compact"}, 1),  # it takes nothing without a key
    "closed": ({}, 1),
}
"""How to cause each fault: settings of the topic, and the size of a value in bytes."""


class Contract:
    """The claims, for a test class that inherits them and has the client's `facade`.

    It needs a fixture `bootstrap`, the "host:port" of an Apache Kafka on which topics may be
    created.

    A class declares what its client cannot do. Claims that need it are left out, and the others ask
    for less.
    """

    facade: ClassVar[str]
    """The beginning of each program, as text; it imports the client and defines:

    - `ORDER`, the names of the arguments of `write`, as they follow the producer: "topic", "value",
      and those of "key", "headers" (a list of pairs) and "partition" that the client takes;
    - `DEFAULTS`, a dict of their defaults, for those whose default is not None;
    - `connect(bootstrap, timeout=None)`, which returns a producer; with a `timeout`, in
      milliseconds, one with `acks=all` that tries once and gives up after that time;
    - `write(producer, *args, **kwargs)`, a call of the client's own write; it returns a handle;
    - `answer(handle)`, which waits for the record's (partition, offset), and raises what the client
      has for a failure, if `has_answers`;
    - `close(producer)`, which waits for what is open;
    - `begin(producer)`, `commit(producer)` and `abort(producer)`, each of a transaction, if
      `has_transactions`; the producer is `connect(bootstrap, transactional_id=...)`;
    - `consume(bootstrap, topic, count, handle)`, if `consumes`: it reads `count` messages from the
      beginning of a topic with one partition, calls `handle(value)` where the application would
      handle each, and closes the consumer.

    `sys` is imported already. Warnings are errors, unless the facade changes that.
    """
    has_headers: ClassVar[bool] = True
    """Its messages have headers, one of which is ours."""
    has_answers: ClassVar[bool] = True
    """It reports for each message where it is in the log, or why it is not there."""
    refuses_when_closed: ClassVar[bool] = True
    """A write after `close` raises, or is answered with a failure."""
    has_transactions: ClassVar[bool] = True
    """Its producer can write in transactions."""
    consumes: ClassVar[bool] = True
    """It has a consumer, which the adapter traces as well."""
    other_causes: ClassVar[Mapping[str, str]] = {}
    """The `error.type` of a fault, by its name in the claim, if the client loses the broker's code.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for claim, ability in _TAKES.items():
            if not getattr(cls, ability):
                setattr(cls, claim, None)  # which pytest does not collect

    def test_any_call_is_as_without_the_agent(self, bootstrap: str, tmp_path: Path) -> None:
        """Any arguments, by place or by name: same results, same log but our header."""
        broker, text = Broker(bootstrap), tmp_path / "messages.txt"
        messages = [any_message(with_headers=self.has_headers) for _ in range(_MESSAGES)]
        text.write_text(ascii([(message, randint(0, 8)) for message in messages]))
        bare_topic, traced_topic = broker.topic(), broker.topic()
        programs = Programs(tmp_path)
        program = self._program(bodies.ANY_CALL)
        bare = programs.run(program, bootstrap, bare_topic, str(text), bare=True)
        traced = programs.run(program, bootstrap, traced_topic, str(text))
        assert bare.code == traced.code == 0, traced.stderr + bare.stderr
        assert traced.stdout.replace(traced_topic, "t") == bare.stdout.replace(bare_topic, "t")
        records = broker.records(traced_topic)
        without = [self._without_ours(record) for record in records]
        assert _contents(without) == _contents(broker.records(bare_topic))
        self._assert_one_to_one(traced, records)

    def test_writes_side_by_side_keep_apart(self, bootstrap: str, tmp_path: Path) -> None:
        """Threads: each record has the header of its own span, and each span a trace of its own."""
        done, records = self._written_by(bodies.THREADS, bootstrap, tmp_path)
        assert not done.stderr
        assert len(records) == 80
        self._assert_one_to_one(done, records)
        assert len({span.trace_id for span in done.writes}) == 80

    def test_a_forked_child_reports_its_own_writes(self, bootstrap: str, tmp_path: Path) -> None:
        """Two children with a producer of their own: each write once, from its own process."""
        done, records = self._written_by(bodies.FORKS, bootstrap, tmp_path)
        assert len(records) == 3
        self._assert_one_to_one(done, records)
        assert len({span.resource["process.pid"] for span in done.writes}) == 3

    def test_a_foreign_traceparent_stays_and_our_own_is_replaced(
        self, bootstrap: str, tmp_path: Path
    ) -> None:
        """What the application injected itself gives way to ours; any other is linked to."""
        done, (first, second) = self._written_by(
            bodies.TRACEPARENTS, bootstrap, tmp_path, partitions=1
        )
        replaced, linked = done.writes
        assert _traceparents(first) == [_traceparent(replaced)]
        assert (replaced.kind, replaced.links) == ("PRODUCER", [])
        assert _traceparents(second) == [f"00-{'-'.join(_OTHER)}-01".encode()]
        assert (linked.kind, linked.links) == ("CLIENT", [_OTHER])

    @pytest.mark.parametrize(
        ("fault", "cause"),
        [
            ("too large for the topic", "MESSAGE_TOO_LARGE"),
            ("too large for the client", "MESSAGE_TOO_LARGE"),
            ("refused by the broker", "INVALID_RECORD"),
        ],
    )
    def test_a_fault_has_the_same_name_with_any_client(
        self, bootstrap: str, tmp_path: Path, fault: str, cause: str
    ) -> None:
        """One table of causes: the client's words differ, `error.type` does not."""
        self._assert_fails(fault, cause, bootstrap, tmp_path)

    def test_a_write_to_a_closed_producer_has_failed(self, bootstrap: str, tmp_path: Path) -> None:
        """It is a span as well, which says why."""
        self._assert_fails("closed", "closed", bootstrap, tmp_path)

    def test_a_transaction_decides_what_was_written(self, bootstrap: str, tmp_path: Path) -> None:
        """What was committed is written; what was aborted has failed, although it is in the log."""
        done, records = self._written_by(
            bodies.TRANSACTIONS, bootstrap, tmp_path, partitions=1, read_committed=True
        )
        assert len(records) == 1
        self._assert_one_to_one(done, records)
        _, aborted = done.writes
        cause = aborted.attributes["error.type"]
        assert (aborted.status_code, cause) == ("ERROR", "transaction_aborted")
        assert _OFFSET not in aborted.attributes

    def test_a_consumed_message_is_a_unit_of_work(self, bootstrap: str, tmp_path: Path) -> None:
        """One process span a message, child of its writer, current while it is handled."""
        topic = Broker(bootstrap).topic(partitions=1)
        program, programs = self._program(bodies.CONSUMING), Programs(tmp_path)
        done = programs.run(program, bootstrap, topic)
        bare = programs.run(program, bootstrap, topic, bare=True)
        assert done.code == bare.code == 0, done.stderr + bare.stderr
        handled = [*map(str, [b"0", b"1", b"2"]), "after"]
        assert bare.stdout.splitlines() == [f"{each} {_NO_SPAN}" for each in handled]
        current = [*(unit.span_id for unit in done.units), _NO_SPAN]
        assert done.stdout.splitlines() == list(map(" ".join, zip(handled, current, strict=True)))
        assert {unit.kind for unit in done.units} == {"CONSUMER"}
        writers = [(span.trace_id, span.span_id) for span in done.writes]
        parents = [(unit.trace_id, unit.parent_id) for unit in done.units]
        if self.has_headers:
            assert parents == writers
        else:
            assert {parent for _, parent in parents} == {""}

    def _program(self, body: str) -> str:
        answer = "" if self.has_answers else "def answer(handle): return None, None"
        return f"import sys\nDEFAULTS = {{}}\n{self.facade}\n{answer}\n{body}"

    def _written_by(
        self,
        body: str,
        bootstrap: str,
        folder: Path,
        *,
        partitions: int = 3,
        read_committed: bool = False,
    ) -> tuple[Run, list[Record]]:
        """Run a program on a topic of its own; return what it wrote as well, as the log has it."""
        broker = Broker(bootstrap)
        topic = broker.topic(partitions=partitions)
        done = Programs(folder).run(self._program(body), bootstrap, topic)
        assert done.code == 0, done.stderr
        return done, broker.records(topic, read_committed=read_committed)

    def _assert_fails(self, fault: str, cause: str, bootstrap: str, folder: Path) -> None:
        config, size = _FAULTS[fault]
        topic = Broker(bootstrap).topic(**config)
        program, programs = self._program(bodies.FAULT), Programs(folder)
        done = programs.run(program, bootstrap, topic, fault, str(size))
        bare = programs.run(program, bootstrap, topic, fault, str(size), bare=True)
        assert done.code == bare.code == 0, done.stderr + bare.stderr
        assert done.stdout == bare.stdout
        assert done.writes, "no span of a write"
        span = done.writes[-1]
        expected = self.other_causes.get(fault, cause)
        assert (span.status_code, span.attributes["error.type"]) == ("ERROR", expected)
        assert _OFFSET not in span.attributes

    def _assert_one_to_one(self, done: Run, records: list[Record]) -> None:
        """Each record has a span that says what is known of it, and each span a record."""
        written = [span for span in done.writes if span.status_code == "UNSET"]
        if self.has_answers:
            unanswered = [span for span in written if _OFFSET not in span.attributes]
            assert not unanswered, "spans without the broker's answer, which the client does tell"
        else:
            claimed = [span for span in written if not _is_unconfirmed(span)]
            assert not claimed, "spans that say `written`, which the client cannot tell"
        assert _sorted(map(self._record, records)) == _sorted(map(self._span, written))

    def _record(self, record: Record) -> tuple[Any, ...]:
        place = record[:2] if self.has_answers else ()
        return (*place, *_traceparents(record))

    def _span(self, span: Span) -> tuple[Any, ...]:
        """Return what the span's record must be, to `_record`."""
        found = span.attributes
        place = (
            (int(found["messaging.destination.partition.id"]), found[_OFFSET])
            if self.has_answers
            else ()
        )
        return (*place, _traceparent(span)) if self.has_headers else place

    def _without_ours(self, record: Record) -> Record:
        kept = [header for header in record.headers if header[0] != "traceparent"]
        assert len(record.headers) - len(kept) == self.has_headers
        return record._replace(headers=kept)


_TAKES = {
    "test_a_foreign_traceparent_stays_and_our_own_is_replaced": "has_headers",
    "test_a_fault_has_the_same_name_with_any_client": "has_answers",
    "test_a_write_to_a_closed_producer_has_failed": "refuses_when_closed",
    "test_a_transaction_decides_what_was_written": "has_transactions",
    "test_a_consumed_message_is_a_unit_of_work": "consumes",
}
"""The ability without which a claim cannot be made."""


def _contents(records: list[Record]) -> list[tuple[Any, ...]]:
    """Return what is compared: the partitions of records without a key are the client's choice."""
    return _sorted(record[2:] for record in records)


def _sorted(found: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return sorted(found, key=repr)


def _is_unconfirmed(span: Span) -> bool:
    outcome = span.attributes.get("autoinstrument.outcome")
    return outcome == "unconfirmed" and _OFFSET not in span.attributes


def _traceparents(record: Record) -> list[bytes | None]:
    return [value for name, value in record.headers if name == "traceparent"]


def _traceparent(span: Span) -> bytes:
    return f"00-{span.trace_id}-{span.span_id}-{span.flags & 0xFF:02x}".encode()
