"""The application's log: its records know their trace, and the agent's own lines are in it.

Each test starts a program, since a factory of log records is one a process.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from brokers import MockBroker
    from programs import Run, Runner

FORMAT = "%(otelTraceID)s %(otelSpanID)s %(profile_root_span_id)s %(otelTraceSampled)s %(message)s"
LOG = f"""
import logging, sys
logging.basicConfig(stream=sys.stdout, level=logging.INFO, format={FORMAT!r})
log = logging.getLogger("app")
"""
CLIENT = """
from confluent_kafka import Consumer, Producer, TopicPartition
producer = Producer({"bootstrap.servers": sys.argv[1], "log_level": 0})
"""
FAILS = """
for number in range(int(sys.argv[2])):
    try:
        producer.produce("orders", b"v" * 2_000_000,
                         headers=[("_watermill_message_uuid", b"id-%d" % number)])
    except Exception:
        pass
producer.flush()
"""
WRITES = """
producer.produce("orders", b"v")
producer.flush()
"""


@pytest.fixture
def broker(mock_broker: Callable[..., MockBroker]) -> str:
    """Return the address of an embedded broker."""
    return mock_broker().bootstrap


def _lines(done: Run) -> list[list[str]]:
    assert (done.code, done.stderr) == (0, "")
    return [line.split(" ", 4) for line in done.stdout.splitlines()]


def test_a_format_may_name_the_fields_from_the_first_line_on(run: Runner) -> None:
    """Without a trace they are zero, and OpenTelemetry is not imported for that."""
    program = f"""{LOG}
log.info("first")
print("opentelemetry" in sys.modules)
"""
    assert run(program).stdout.splitlines() == ["0 0 0 False first", "False"]


def test_lines_of_a_unit_of_work_know_its_trace(run: Runner, broker: str) -> None:
    """In the unit, in a span of the application's within it, and again nothing after it."""
    program = f"""{LOG}{CLIENT}{WRITES}
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
tracer = TracerProvider().get_tracer("own")
consumer = Consumer({{"bootstrap.servers": sys.argv[1], "group.id": "g", "log_level": 0}})
partitions = range(4)
consumer.assign([TopicPartition("orders", number, 0) for number in partitions])
while consumer.poll(5) is None:
    pass
log.info("in the unit")
with tracer.start_as_current_span("inner"):
    log.info("within")
consumer.close()
with tracer.start_as_current_span("alone"):
    log.info("a root of its own")
log.info("after")
"""
    done = run(program, broker)
    in_unit, within, alone, after = _lines(done)
    (unit,) = [span for span in done.spans if span.name.startswith("process")]
    assert in_unit == [unit.trace_id, unit.span_id, unit.span_id, "True", "in the unit"]
    assert (within[0], within[2]) == (unit.trace_id, unit.span_id)
    assert within[1] != unit.span_id
    assert alone[1] == alone[2]
    assert after == ["0", "0", "0", "False", "after"]


def test_the_applications_factory_and_extra_come_first(run: Runner) -> None:
    """Whatever it sets, and whenever: its factory is called, and returned, as if it were alone."""
    program = f"""{LOG}
before = logging.getLogRecordFactory()
assert before is logging.LogRecord, before
def own(*args, **kwargs):
    record = before(*args, **kwargs)
    record.mine = "mine"
    record.otelSpanID = "own"
    return record
logging.setLogRecordFactory(own)
assert logging.getLogRecordFactory() is own
log.info("chained")
log.info("given", extra={{"otelTraceID": "given"}})
assert log.makeRecord("n", 20, "f", 1, "m", (), None).mine == "mine"
"""
    assert run(program).stdout.splitlines() == ["0 own 0 False chained", "given own 0 False given"]


def test_no_line_changes_whose_format_does_not_ask(run: Runner, broker: str) -> None:
    """Other formats are as they were; without correlation the fields are not there at all."""
    plain = LOG.replace(FORMAT, "%(message)s")
    assert run(f"{plain}log.info('plain')").stdout == "plain\n"
    off = run(f"{LOG}log.info('x')", AUTOINSTRUMENT_LOG_CORRELATION="0")
    assert "otelTraceID" in off.stderr
    undone = f"""
import autoinstrument, sys
{LOG}
autoinstrument.deactivate()
assert not hasattr(logging.getLogRecordFactory()("n", 20, "f", 1, "m", (), None), "otelTraceID")
assert logging.setLogRecordFactory.__module__ == "logging"
{CLIENT}
"""
    assert run(undone, broker).code == 0


def test_the_attributes_of_a_record_are_as_they_were_without_a_trace(run: Runner) -> None:
    """Formatters of JSON dump them all: they differ only where there is a trace to be found."""
    program = f"""{LOG.replace(FORMAT, "%(message)s")}
class Dump(logging.Formatter):
    def format(self, record):
        return " ".join(vars(record))
log.root.handlers[0].setFormatter(Dump())
log.info("x")
"""
    traced, bare = run(program), run(program, bare=True)
    assert (traced.stdout, traced.stderr) == (bare.stdout, "")
    current = """
from opentelemetry.sdk.trace import TracerProvider
with TracerProvider().get_tracer("own").start_as_current_span("x"):
    log.info("x")
"""
    assert run(program + current).stdout.endswith("otelServiceName profile_root_span_id\n")


@pytest.mark.parametrize(
    ("style", "asks"),
    [
        ("%", "%(otelTraceID)s %(otelTraceSampled)s %(otelServiceName)s %(message)s"),
        ("{", "{otelTraceID} {otelTraceSampled} {otelServiceName} {message}"),
        ("$", "$otelTraceID ${otelTraceSampled} $otelServiceName $message"),
    ],
)
def test_each_style_of_format_may_name_the_fields(run: Runner, style: str, asks: str) -> None:
    """Also of a record that comes out of a queue or a pickle; what nobody has is an error."""
    program = f"""
import copy, logging, pickle
format = logging.Formatter({asks!r}, style={style!r}).format
record = logging.getLogRecordFactory()("n", 20, "f", 1, "m", (), None)
for each in record, copy.copy(record), pickle.loads(pickle.dumps(record)):
    print(format(each))
print(record.otelTraceID, record.otelSpanID, record.otelServiceName)
try:
    logging.Formatter({asks.replace("message", "nobody")!r}, style={style!r}).format(record)
except ValueError as error:
    print(error)
"""
    assert run(program, OTEL_SERVICE_NAME="shop").stdout.splitlines() == [
        *["0 False shop m"] * 3,
        "0 0 shop",
        "Formatting field not found in record: 'nobody'",
    ]


def test_a_failed_write_is_a_line_of_its_trace(run: Runner, broker: str) -> None:
    """Topic, id, error; its root is that of the span."""
    done = run(f"{LOG}{CLIENT}{FAILS}", broker, "1")
    (line,) = _lines(done)
    (write,), (root,) = done.writes, done.roots
    assert line[:4] == [write.trace_id, write.span_id, root.span_id, "True"]
    assert line[4].startswith(
        'send message to kafka error topic=orders id=id-0 error="MESSAGE_TOO_LARGE: '
    )
    assert f"trace_id={write.trace_id} profile_root_span_id={root.span_id}" in line[4]


def test_foreign_words_cannot_forge_a_line(run: Runner, broker: str) -> None:
    """Neither a serializer's words nor an id: each is one JSON string, unseen characters escaped.

    DEL, CSI and a line separator are among them; what is long is cut.
    """
    words = '"\n2026 CRITICAL forged\x1b[2J\x7f\x9b\u2028\u202e é'
    program = f"""{LOG}
from confluent_kafka import SerializingProducer
def serialize(value, context):
    raise ValueError({words!a} + "x" * 1000)
producer = SerializingProducer({{"bootstrap.servers": sys.argv[1], "log_level": 0,
                                "value.serializer": serialize}})
try:
    producer.produce("orders", value="v",
                     headers={{"_watermill_message_uuid": b'a "b\\n'}})
except Exception:
    pass
producer.flush()
"""
    (line,) = _lines(run(program, broker, AUTOINSTRUMENT_EXCEPTION_WORDS="1"))
    assert line[4].isprintable()
    told = re.fullmatch(r'.* id=("a.+n") error=("(?:[^"\\]|\\.)*") trace_id=\w+ \S+', line[4])
    assert told is not None
    assert json.loads(told[1]) == 'a "b\n'
    assert words in json.loads(told[2])
    assert len(json.loads(told[2])) == 256


def test_many_failures_are_few_lines_and_a_count(run: Runner, broker: str) -> None:
    """Ten at once, then one a second, which says how many were not."""
    later = f"{FAILS}import time\ntime.sleep(2.5)\nsys.argv[2] = '1'\n{FAILS}"
    done = run(f"{LOG}{CLIENT}{later}", broker, "200", OTEL_BSP_SCHEDULE_DELAY="100")
    lines = _lines(done)
    assert 10 < len(lines) < 15
    assert sum(int(n) for n in re.findall(r"not_logged_before=(\d+)", done.stdout)) == 201 - len(
        lines
    )


@pytest.mark.parametrize("setting", ["failures", "all"])
def test_the_end_counts_what_no_later_line_has_counted(
    run: Runner, broker: str, setting: str
) -> None:
    """As an error, where failures are among it."""
    level = LOG.replace("%(message)s", "%(levelname)s %(message)s")
    settings = {"AUTOINSTRUMENT_LOG": setting, "OTEL_BSP_SCHEDULE_DELAY": "60000"}
    done = run(f"{level}{CLIENT}{FAILS}{WRITES}", broker, "200", **settings)
    *lines, last = _lines(done)
    writes = 200 + (setting == "all")
    assert last[4] == f"ERROR writes not logged since the last line: {writes - len(lines)}"
    assert len(lines) < 15
    few = run(f"{LOG}{CLIENT}{FAILS}", broker, "3")
    assert "not logged" not in few.stdout


@pytest.mark.parametrize(("setting", "told"), [("all", 1), ("failures", 0), ("off", 0)])
def test_successes_are_lines_only_if_asked_for(
    run: Runner, broker: str, setting: str, told: int
) -> None:
    """With the seed's words and the id of the root; nothing but what was asked for."""
    done = run(f"{LOG}{CLIENT}{WRITES}", broker, AUTOINSTRUMENT_LOG=setting)
    lines = _lines(done)
    assert len(lines) == told
    for line in lines:
        root = done.roots[0].span_id
        words = "[WriteKafka] write kafka success topic=orders id=-"
        assert line[4] == f"{words} profile_root_span_id={root}"


def test_a_log_has_the_last_lines_too(run: Runner, broker: str, tmp_path: Path) -> None:
    """The log is shut down when all is said: what failed last, and what was lost at the end."""
    program = f"""
import logging, sys
logging.basicConfig(filename="log", filemode="w")
{CLIENT}
{FAILS}
producer = Producer({{"bootstrap.servers": sys.argv[1], "log_level": 0, "linger.ms": 10_000}})
producer.produce("orders", b"v")
"""
    assert run(program, broker, "1", OTEL_BSP_SCHEDULE_DELAY="1000").stderr == ""
    lines = (tmp_path / "log").read_text()
    assert lines.count("MESSAGE_TOO_LARGE") == 1
    assert lines.count("(lost-at-exit)") == 1


@pytest.mark.parametrize("setting", ["failures", "off"])
def test_a_program_without_a_log_has_no_lines(run: Runner, broker: str, setting: str) -> None:
    """Python would print them on stderr, where nobody has asked for them."""
    done = run(f"import sys\n{CLIENT}{FAILS}", broker, "3", AUTOINSTRUMENT_LOG=setting)
    assert (done.stdout, done.stderr, len(done.writes)) == ("", "", 3)


def test_a_filter_that_raises_stops_neither_program_nor_spans(run: Runner, broker: str) -> None:
    """One that asks for the request of this moment, where there is none: only words are lost."""
    program = f"""
import contextvars, logging, sys
request = contextvars.ContextVar("request")
def named(record):
    record.request = request.get()
    return True
handler = logging.StreamHandler(sys.stdout)
handler.addFilter(named)
logging.basicConfig(handlers=[handler])
{CLIENT}{FAILS}{WRITES}
"""
    done = run(program, broker, "3", AUTOINSTRUMENT_KEEP="oops")
    assert (done.code, done.stdout, done.stderr) == (0, "", "")
    errors = [span.attributes.get("error.type") for span in done.writes]
    assert errors == ["MESSAGE_TOO_LARGE"] * 3 + [None]
