"""What an adapter owes, once for all clients: a client's test module runs it with its own facade.

A facade is the text of a program's beginning that makes any client look alike:

- `ORDER`, the names of the arguments of the client's own write, and `DEFAULTS` that are not None;
- `connect(bootstrap, timeout=None, **options)`, a producer; `timeout` is in milliseconds;
- `write(producer, *args, **kwargs)`, a call of the client's own write, which returns a handle;
- `answer(handle)`, the record's (partition, offset); it raises what the client has for a failure;
- `close(producer)`, which waits for what is open.

Each test starts programs, since a client is traced from its import on, and compares them with and
without the agent.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from brokers import Kafka, Record
    from otlp import Span
    from programs import Runner

_HEADERS = st.lists(
    st.tuples(st.sampled_from(["a", "b", "é", "Traceparent-Not"]), st.binary(max_size=5)),
    max_size=3,
)
_MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"value": st.one_of(st.none(), st.binary(max_size=20), st.just(b"v" * 1000))},
        optional={
            "key": st.one_of(st.none(), st.binary(min_size=1, max_size=5)),
            "headers": st.one_of(st.none(), _HEADERS),
            "partition": st.integers(0, 2),
        },
    ),
    min_size=10,
    max_size=25,
)

_PROGRAM = """
import json
messages = eval(open(sys.argv[3]).read())
producer = connect(sys.argv[1])
for number, (message, positional) in enumerate(messages):
    names = ORDER[:positional]
    args = [sys.argv[2]] + [message.get(name, DEFAULTS.get(name)) for name in names[1:]]
    kwargs = {name: of for name, of in message.items() if name not in names}
    before = repr((args, kwargs))
    if not names:
        args, kwargs["topic"] = [], sys.argv[2]
    try:
        partition, offset = answer(write(producer, *args, **kwargs))
        print(number, "written", partition if "partition" in message else "")
    except Exception as error:
        print(number, type(error).__name__, error)
    assert names == [] or repr((args, kwargs)) == before
close(producer)
"""


class Contract:
    """The claims; a subclass names the `facade` and the errors that its faults have."""

    facade: ClassVar[str]
    other_causes: ClassVar[dict[str, str]] = {}
    """What a fault is called where the client itself loses the broker's code."""

    def test_any_call_is_as_without_the_agent(
        self, run: Runner, kafka: Kafka, tmp_path: Any
    ) -> None:
        """Any arguments, by place or by name: same results, same log but our header."""

        @settings(
            max_examples=4,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(_MESSAGES, st.lists(st.integers(0, 8), min_size=25, max_size=25))
        def compare(messages: list[dict[str, Any]], positional: list[int]) -> None:
            text = tmp_path / "messages.txt"
            text.write_text(repr(list(zip(messages, positional, strict=False))))
            bare_topic, traced_topic = kafka.topic(), kafka.topic()
            program = self.facade + _PROGRAM
            bare = run(program, kafka.bootstrap, bare_topic, str(text), bare=True)
            traced = run(program, kafka.bootstrap, traced_topic, str(text))
            assert bare.code == traced.code == 0, traced.stderr + bare.stderr
            assert traced.stdout.replace(traced_topic, "t") == bare.stdout.replace(bare_topic, "t")
            without = [_without_ours(record) for record in kafka.records(traced_topic)]
            assert _contents(without) == _contents(kafka.records(bare_topic))
            assert _places(kafka.records(traced_topic)) == _places(traced.writes)

        compare()

    @pytest.mark.smoke
    def test_writes_side_by_side_keep_apart(self, run: Runner, kafka: Kafka) -> None:
        """Threads: each record has the header of its own span, and each span a trace of its own."""
        topic = kafka.topic()
        program = f"""{self.facade}
import threading
def work(number):
    producer = connect(sys.argv[1])
    for handle in [write(producer, sys.argv[2], value=b"v") for _ in range(20)]:
        answer(handle)
    close(producer)
threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""
        done = run(program, kafka.bootstrap, topic)
        assert (done.code, done.stderr) == (0, "")
        assert len(_places(done.writes)) == 80
        assert _places(kafka.records(topic)) == _places(done.writes)
        assert len({span.trace_id for span in done.writes}) == 80

    @pytest.mark.smoke
    def test_a_forked_child_reports_its_own_writes(self, run: Runner, kafka: Kafka) -> None:
        """Two children with a producer of their own: each write once, from its own process."""
        topic = kafka.topic()
        program = f"""{self.facade}
import os, warnings
warnings.simplefilter("ignore")
def work():
    producer = connect(sys.argv[1])
    answer(write(producer, sys.argv[2], value=b"v"))
    close(producer)
children = []
for _ in range(2):
    pid = os.fork()
    if pid == 0:
        work()
        os._exit(0)
    children.append(pid)
for pid in children:
    os.waitpid(pid, 0)
work()
"""
        done = run(program, kafka.bootstrap, topic)
        assert _places(kafka.records(topic)) == _places(done.writes)
        assert len({span.resource["process.pid"] for span in done.writes}) == 3

    def test_a_foreign_traceparent_stays_and_our_own_is_replaced(
        self, run: Runner, kafka: Kafka
    ) -> None:
        """What the application injected itself gives way to ours; any other is linked to."""
        topic = kafka.topic()
        program = f"""{self.facade}
from opentelemetry import trace
parent = trace.NonRecordingSpan(trace.SpanContext(0xabc, 0xdef, False, trace.TraceFlags(1)))
own = "00-%032x-%016x-01" % (0xabc, 0xdef)
other = "00-%032x-%016x-01" % (0x123, 0x456)
producer = connect(sys.argv[1])
with trace.use_span(parent):
    for traceparent in own, other:
        headers = [("traceparent", traceparent.encode())]
        answer(write(producer, sys.argv[2], value=b"v", partition=0, headers=headers))
close(producer)
"""
        done = run(program, kafka.bootstrap, topic)
        first, second = kafka.records(topic)
        replaced, linked = done.writes
        assert _traceparents(first.headers) == [_traceparent(replaced)]
        assert (replaced.kind, replaced.links) == ("PRODUCER", [])
        foreign = f"00-{0x123:032x}-{0x456:016x}-01".encode()
        assert _traceparents(second.headers) == [foreign]
        assert (linked.kind, linked.links) == ("CLIENT", [(f"{0x123:032x}", f"{0x456:016x}")])

    @pytest.mark.parametrize(
        ("fault", "cause"),
        [
            ("too large for the topic", "MESSAGE_TOO_LARGE"),
            ("too large for the client", "MESSAGE_TOO_LARGE"),
            ("refused by the broker", "INVALID_RECORD"),
            pytest.param("closed", "closed", marks=pytest.mark.closes),
        ],
    )
    def test_a_fault_has_the_same_name_with_any_client(
        self, run: Runner, kafka: Kafka, fault: str, cause: str
    ) -> None:
        """One table of causes: the client's words differ, `error.type` does not."""
        topic = {
            "too large for the topic": lambda: kafka.topic(max_message_bytes="500"),
            # What has no key cannot be compacted.
            "refused by the broker": lambda: kafka.topic(cleanup_policy="compact"),
        }.get(fault, kafka.topic)()
        size = {"too large for the topic": 1000, "too large for the client": 3_000_000}
        program = f"""{self.facade}
producer = connect(sys.argv[1], acks="all", retries=0, timeout=2000)
if {fault == "closed"}:
    answer(write(producer, sys.argv[2], value=b"first"))
    close(producer)
try:
    print(answer(write(producer, sys.argv[2], value=b"v" * {size.get(fault, 1)})))
except Exception as error:
    print(type(error).__name__, error)
"""
        done = run(program, kafka.bootstrap, topic)
        bare = run(program, kafka.bootstrap, topic, bare=True)
        assert done.stdout == bare.stdout
        span = done.writes[-1]
        expected = self.other_causes.get(fault, cause)
        assert (span.status_code, span.attributes["error.type"]) == ("ERROR", expected)
        assert "messaging.kafka.offset" not in span.attributes


def _without_ours(record: Record) -> Record:
    kept = [header for header in record.headers if header[0] != "traceparent"]
    assert len(record.headers) - len(kept) == 1
    return record._replace(headers=kept)


def _contents(records: list[Record]) -> list[str]:
    """Return what is compared: the partitions of records without a key are the client's choice."""
    return sorted(json.dumps([repr(record[2:])]) for record in records)


def _places(found: list[Any]) -> list[tuple[int, int, bytes | None]]:
    return sorted(
        (each.partition, each.offset, *_traceparents(each.headers))
        if hasattr(each, "headers")
        else (
            int(each.attributes["messaging.destination.partition.id"]),
            each.attributes["messaging.kafka.offset"],
            _traceparent(each),
        )
        for each in found
        if getattr(each, "status_code", "UNSET") == "UNSET"
    )


def _traceparents(headers: list[tuple[str, bytes | None]]) -> list[bytes | None]:
    return [value for name, value in headers if name == "traceparent"]


def _traceparent(span: Span) -> bytes:
    return f"00-{span.trace_id}-{span.span_id}-{span.flags & 0xFF:02x}".encode()
