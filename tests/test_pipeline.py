"""Where spans go: the user's settings, the application's provider, or a recording.

Each test starts a program, since one process has one pipeline and one provider.
"""

from __future__ import annotations

import json
import os
import re
import stat
import sys
from typing import TYPE_CHECKING

import pytest
from otlp import spans_of_recording

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from brokers import MockBroker
    from collectors import Endpoint, Rotel
    from programs import Runner

HEAD = """
import sys
from confluent_kafka import Producer
config = {"bootstrap.servers": sys.argv[1], "log_level": 0}
"""
ONE = f"""{HEAD}
producer = Producer(config)
def sell():
    producer.produce("orders", b"v", partition=0)
sell()
producer.flush()
"""
PROVIDER = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
memory = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(memory))
def spans():
    finished = memory.get_finished_spans()
    return [(span.name, span.attributes.get("messaging.kafka.offset")) for span in finished]
"""


@pytest.fixture
def broker(mock_broker: Callable[..., MockBroker]) -> str:
    """Return the address of an embedded broker."""
    return mock_broker().bootstrap


@pytest.mark.smoke
@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_a_collector_that_is_not_ours_takes_the_spans(
    run: Runner, broker: str, rotel: Rotel, protocol: str
) -> None:
    """Both OTLP protocols, through rotel: the same two spans arrive, with their resource."""
    settings = {**rotel.environment(protocol), "OTEL_SERVICE_NAME": "shop"}
    done = run(ONE, broker, **settings)
    assert done.stderr == ""
    spans = rotel.wait_for(2)
    assert {span.name for span in spans} == {"WriteKafka", "__main__.sell"}
    assert {span.resource["service.name"] for span in spans} == {"shop"}


def test_a_service_without_a_name_is_named_for_its_program(run: Runner, broker: str) -> None:
    """A report of two programs tells them apart; a name that the user gives is kept."""
    for given, name in ({}, "program"), ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=shop"}, "shop"):
        done = run(ONE, broker, **given)
        assert {span.resource["service.name"] for span in done.spans} == {name}


def test_an_endpoint_alone_asks_for_otlp(
    run: Runner, broker: str, otlp_endpoint: Endpoint, tmp_path: Path
) -> None:
    """OTEL_EXPORTER_OTLP_ENDPOINT is enough, and there is no recording then."""
    settings = {**otlp_endpoint.environment, "OTEL_TRACES_EXPORTER": ""}
    done = run(ONE, broker, **settings)
    assert len(otlp_endpoint.wait_for(2)) == 2
    assert done.stderr == ""
    assert not (tmp_path / ".autoinstrument").exists()


def test_nothing_configured_means_a_private_recording(
    run: Runner, broker: str, tmp_path: Path
) -> None:
    """Without an exporter the spans are in .autoinstrument, readable by the user alone."""
    run(ONE, broker, AUTOINSTRUMENT_RECORD="")
    (recording,) = (tmp_path / ".autoinstrument").iterdir()
    assert len(spans_of_recording(recording)) == 2
    if sys.platform != "win32":
        assert stat.S_IMODE(recording.stat().st_mode) == 0o600


def test_none_means_none(run: Runner, broker: str, tmp_path: Path) -> None:
    """OTEL_TRACES_EXPORTER=none leaves no trace anywhere."""
    done = run(ONE, broker, OTEL_TRACES_EXPORTER="none")
    assert (done.stderr, done.code) == ("", 0)
    assert not (tmp_path / ".autoinstrument").exists()


def test_a_missing_exporter_is_told_once(run: Runner, broker: str) -> None:
    """An exporter that is not installed: one warning that says so, and the program runs."""
    done = run(ONE, broker, OTEL_TRACES_EXPORTER="nosuch")
    assert done.stderr.count("exporter-missing") == 1
    assert "OTEL_TRACES_EXPORTER names 'nosuch', which is no exporter" in done.stderr
    assert re.search(r"accepted: console, none, .*\botlp, .*", done.stderr)
    assert done.code == 0


def test_an_exporter_that_refuses_its_settings_leaves_the_others(
    run: Runner, broker: str, tmp_path: Path
) -> None:
    """A code that is none: one warning, which names the variable alone, and a recording."""
    variable = "OTEL_PYTHON_EXPORTER_OTLP_GRPC_RETRYABLE_ERROR_CODES"
    settings = {"OTEL_TRACES_EXPORTER": "otlp_proto_grpc", variable: "SOON"}
    record = str(tmp_path / "kept.jsonl")
    done = run(ONE, broker, AUTOINSTRUMENT_RECORD=record, **settings)
    told = rf"; correct {variable} \((.*)\)"
    assert re.findall(told, done.stderr) == ["exporter-unusable"]
    assert "=" not in done.stderr
    assert len(spans_of_recording(tmp_path / "kept.jsonl")) == 2


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_an_exporter_that_is_down_neither_stops_nor_floods(
    run: Runner, broker: str, protocol: str
) -> None:
    """Nobody listens at the endpoint: the program is told so once, and at its end of the loss."""
    settings = {"OTEL_TRACES_EXPORTER": f"otlp_proto_{protocol}"}
    done = run(ONE, broker, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9", **settings)
    assert done.code == 0
    assert re.fullmatch(r".* \(export-failed\)\n.* 1 operation .* \(spans-dropped\)\n", done.stderr)


def test_an_unwritable_recording_is_told_once(run: Runner, broker: str, tmp_path: Path) -> None:
    """A recording that cannot be written costs a warning, and at the end a count of the loss."""
    (tmp_path / "file").write_text("text of the user's own\n")
    for place in ("file/folder/r.jsonl", "file"):
        done = run(ONE, broker, AUTOINSTRUMENT_RECORD=str(tmp_path / place))
        assert done.code == 0
        assert re.findall(r"\((.*)\)", done.stderr) == ["recording-unwritable", "spans-dropped"]
    assert (tmp_path / "file").read_text() == "text of the user's own\n"


def test_a_recording_for_which_there_is_only_some_room_is_told(
    run: Runner, broker: str, tmp_path: Path
) -> None:
    """A part of what is written has room, as on a disk that fills up: that is no success."""
    resource = pytest.importorskip("resource", reason="no limit of a file's size on this system")
    room = 700
    limit = f"import resource\nresource.setrlimit({resource.RLIMIT_FSIZE}, ({room}, {room}))\n"
    record = tmp_path / "short.jsonl"
    settings = {"AUTOINSTRUMENT_RECORD": str(record), "AUTOINSTRUMENT_METRICS": "0"}
    done = run(f"{limit}{ONE}", broker, **settings)
    assert (done.code, record.stat().st_size) == (0, room)
    assert done.stderr.count("recording-unwritable") == 1


@pytest.mark.parametrize("when", ["before the client", "after the client", "after the first write"])
def test_the_applications_provider_wins(run: Runner, broker: str, when: str) -> None:
    """Once the application has a provider, spans go there, at once, and nowhere else."""
    set_it = "trace.set_tracer_provider(provider)\n"
    first = 'producer.produce("first", b"v", partition=0)\nproducer.flush()\n'
    program = {
        "before the client": f"{PROVIDER}{set_it}{ONE}",
        "after the client": f"{HEAD}{PROVIDER}{set_it}{ONE}",
        "after the first write": f"{ONE}{PROVIDER}{set_it}"
        'producer.produce("orders", b"v", partition=0)\nproducer.flush()\n',
    }[when]
    done = run(f"{program}\nprint(spans())", broker)
    offset = 1 if first and when == "after the first write" else 0
    root = "__main__.sell" if offset == 0 else "__main__.<module>"
    assert done.stdout == f"{[('WriteKafka', offset), (root, None)]}\n"
    assert len(done.spans) == 2 * offset
    assert done.stderr == ""


def test_a_processor_that_acts_at_the_start_of_a_span_sees_it_start(
    run: Runner, broker: str
) -> None:
    """With such a processor spans are made by the public API: nothing is bypassed."""
    program = f"""{PROVIDER}
from opentelemetry.sdk.trace import SpanProcessor
class Stamp(SpanProcessor):
    def on_start(self, span, parent_context=None):
        span.set_attribute("tenant", "t1")
provider.add_span_processor(Stamp())
trace.set_tracer_provider(provider)
{ONE}
print([(s.name, s.attributes["tenant"], s.attributes.get("messaging.kafka.offset"),
        s.parent is not None) for s in memory.get_finished_spans()])
"""
    done = run(program, broker)
    expected = [("WriteKafka", "t1", 0, True), ("__main__.sell", "t1", None, False)]
    assert done.stdout == f"{expected}\n"


def test_the_three_ways_give_the_same_spans(run: Runner, broker: str) -> None:
    """The private pipeline, the application's provider and the public API agree on attributes."""
    shown = """
for span in memory.get_finished_spans():
    print(span.name, span.kind.name, sorted(span.attributes.items()), span.status.status_code.name)
"""
    write = """
producer.produce("orders", b"v", "key", 0)
try:
    producer.produce("orders", b"v" * 2_000_000)
except Exception:
    pass
producer.flush()
"""
    setting = "trace.set_tracer_provider(provider)\n"
    wrapped = """class Wrapped(trace.TracerProvider):
    get_tracer = provider.get_tracer
"""
    setting, wrapped = f"{wrapped}{setting}", f"{wrapped}trace.set_tracer_provider(Wrapped())\n"
    rest = f"{HEAD}\nproducer = Producer(config)\n{write}"
    lean = run(f"{PROVIDER}{setting}{rest}{shown}", broker).stdout
    public = run(f"{PROVIDER}{wrapped}{rest}{shown}", broker).stdout
    own = run(rest, broker).spans
    unserved = r"\('autoinstrument.unserved', \d+\), "
    varies = re.compile(rf"{unserved}|(?<='thread.id', )\d+|(?<=offset', )\d")
    assert sorted(varies.sub("", lean).splitlines()) == sorted(varies.sub("", public).splitlines())
    kinds = sorted(line.split()[1] for line in lean.splitlines())
    assert sorted(span.kind for span in own) == kinds
    for span in own:
        shown_attributes = [line for line in lean.splitlines() if line.startswith(span.name)]
        names = set(span.attributes) - {"autoinstrument.unserved"}
        assert any(all(repr(name) in line for name in names) for line in shown_attributes)


@pytest.mark.parametrize(
    ("settings", "recorded"),
    [
        ({"OTEL_TRACES_SAMPLER": "always_on"}, 4),
        ({"OTEL_TRACES_SAMPLER": "always_off"}, 0),
        ({"OTEL_TRACES_SAMPLER": "parentbased_always_off"}, 0),
        ({"OTEL_TRACES_SAMPLER": "always_off", "AUTOINSTRUMENT_KEEP": "failures"}, 2),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}, 2),
        (
            {
                "OTEL_TRACES_SAMPLER": "traceidratio",
                "OTEL_TRACES_SAMPLER_ARG": "0",
                "AUTOINSTRUMENT_KEEP": "none",
            },
            0,
        ),
        (
            {
                "OTEL_TRACES_SAMPLER": "traceidratio",
                "OTEL_TRACES_SAMPLER_ARG": "0",
                "AUTOINSTRUMENT_KEEP": "slow:0.000001ms",
            },
            4,
        ),
    ],
)
def test_what_the_sampler_drops_is_dropped_unless_it_is_worth_keeping(
    run: Runner, broker: str, settings: dict[str, str], recorded: int
) -> None:
    """A written and a failed message, each with its root, under each kind of sampler."""
    program = f"""{ONE}
try:
    producer.produce("orders", b"v" * 2_000_000)
except Exception:
    pass
"""
    done = run(program, broker, **settings)
    assert len(done.spans) == recorded
    kept = [span.attributes.get("autoinstrument.kept") for span in done.writes]
    sampled = settings["OTEL_TRACES_SAMPLER"] == "always_on"
    expected = {"slow", "failure"} if "slow" in str(settings) else {"failure"}
    assert set(kept) <= ({None} if sampled else expected | {"slow"})


@pytest.mark.parametrize(
    "setting",
    [
        {"OTEL_SDK_DISABLED": "true"},
        {"AUTOINSTRUMENT_DISABLE": "confluent_kafka"},
        {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "kafka-python, confluent-kafka"},
        {"AUTOINSTRUMENT_EXCLUDE_TOPICS": "o*s"},
        {"AUTOINSTRUMENT_ENABLED": "0"},
    ],
)
def test_off_means_off(run: Runner, broker: str, setting: dict[str, str]) -> None:
    """Each switch leaves no span, no file and no word."""
    done = run(ONE, broker, **setting)
    assert (done.spans, done.stdout, done.stderr) == ([], "", "")


def test_names_and_roots_are_the_users_choice(run: Runner, broker: str) -> None:
    """SPAN_NAMES=semconv and ROOT_SPANS=off: one span, named as the conventions want."""
    settings = {"AUTOINSTRUMENT_SPAN_NAMES": "semconv", "AUTOINSTRUMENT_ROOT_SPANS": "off"}
    (span,) = run(ONE, broker, **settings).spans
    assert (span.name, span.parent_id) == ("send orders", "")


def test_keys_and_headers_leave_only_as_asked(run: Runner, broker: str) -> None:
    """KEYS=0 keeps keys in the process; CAPTURE_HEADERS lets the named headers out."""
    program = f"""{HEAD}
producer = Producer(config)
producer.produce("orders", b"v", key="secret", headers=[("Tenant", b"t"), ("other", b"o")])
producer.flush()
"""
    settings = {"AUTOINSTRUMENT_KEYS": "0", "AUTOINSTRUMENT_CAPTURE_HEADERS": "tenant"}
    (span,) = run(program, broker, **settings).writes
    assert span.attributes["messaging.header.tenant"] == ["t"]
    assert "secret" not in json.dumps(span.attributes)
    assert "other" not in json.dumps(span.attributes)


@pytest.mark.parametrize(
    "provider",
    ["", f"{PROVIDER}trace.set_tracer_provider(provider)"],
    ids=["ours", "the application's"],
)
def test_a_limit_that_cuts_attributes_says_nothing(run: Runner, broker: str, provider: str) -> None:
    """It is what the user has asked for; OpenTelemetry would log each value that is cut."""
    program = f"""{HEAD}{provider}
producer = Producer(config)
producer.produce("orders", b"v", key="k" * 20)
producer.flush()
"""
    done = run(program, broker, OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT="8")
    assert (done.stderr, len(done.writes)) == ("", 0 if provider else 1)
    if not provider:
        assert done.writes[0].attributes["messaging.kafka.message.key"] == "k" * 8


def test_no_more_of_a_key_is_kept_than_its_span_has(run: Runner, broker: str) -> None:
    """What waits for an exporter holds 256 characters; a key of other bytes is in no span."""
    program = f"""{HEAD}
producer = Producer(config)
keys = ["k" * 300, ("x" + "é" * 20_000).encode(), b"z" * 300 + b"\\xff", b"short"]
before = [sys.getrefcount(key) for key in keys[:3]]
for key in keys:
    producer.produce("orders", b"v", key=key)
producer.flush()
print([sys.getrefcount(key) for key in keys[:3]] == before)
"""
    done = run(program, broker, OTEL_BSP_SCHEDULE_DELAY="60000")
    assert (done.stdout, done.stderr) == ("True\n", "")
    keys = {span.attributes.get("messaging.kafka.message.key") for span in done.writes}
    assert keys == {"k" * 255 + "…", "x" + "é" * 254 + "…", None, "short"}


def test_a_bad_setting_is_told_and_its_default_used(run: Runner, broker: str) -> None:
    """The warning names the variable, the value and what is accepted."""
    done = run(ONE, broker, AUTOINSTRUMENT_SPAN_NAMES="nice", AUTOINSTRUMENT_KEEP="some")
    assert (
        "AUTOINSTRUMENT_SPAN_NAMES='nice' is ignored; accepted: WriteKafka, semconv" in done.stderr
    )
    assert "AUTOINSTRUMENT_KEEP='some'" in done.stderr
    assert [span.name for span in done.writes] == ["WriteKafka"]


@pytest.mark.parametrize(
    ("propagators", "expected"),
    [("", "traceparent"), ("none", ""), ("tracecontext", "traceparent"), ("b3", "traceparent")],
)
def test_the_users_propagators_are_used(
    run: Runner, broker: str, propagators: str, expected: str
) -> None:
    """OTEL_PROPAGATORS decides on the headers; a name that is not installed is no disaster."""
    program = f"""{ONE}
from confluent_kafka import Consumer
consumer = Consumer({{**config, "group.id": "g", "auto.offset.reset": "earliest"}})
consumer.subscribe(["orders"])
message = None
while message is None:
    message = consumer.poll(1)
print(",".join(name for name, _ in message.headers() or []))
consumer.close()
"""
    done = run(program, broker, OTEL_PROPAGATORS=propagators)
    assert done.stdout == f"{expected}\n"
    assert done.stderr.count("bad-setting") == (propagators == "b3")


def test_suppressed_writes_have_no_span(run: Runner, broker: str) -> None:
    """Inside suppress_instrumentation there is no span and no header."""
    program = f"""{HEAD}
from opentelemetry.instrumentation.utils import suppress_instrumentation
producer = Producer(config)
with suppress_instrumentation():
    producer.produce("orders", b"v")
producer.flush()
"""
    assert run(program, broker).spans == []


def test_another_kafka_instrumentation_keeps_its_one_span(run: Runner, broker: str) -> None:
    """Where contrib's agent has made a span for this write, there is no second one."""
    program = f"""{PROVIDER}
trace.set_tracer_provider(provider)
{HEAD}
tracer = provider.get_tracer("opentelemetry.instrumentation.confluent_kafka")
producer = Producer(config)
with tracer.start_as_current_span("orders send", kind=trace.SpanKind.PRODUCER):
    producer.produce("orders", b"v")
producer.flush()
print(spans())
"""
    done = run(program, broker)
    assert done.stdout == "[('orders send', None)]\n"
    assert done.stderr.count("other-agent") == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
def test_forked_children_report_their_own_writes(run: Runner, broker: str) -> None:
    """Parent and two children write: each span once, from its own process."""
    program = f"""{HEAD}
import os, warnings
warnings.simplefilter("ignore", DeprecationWarning)
parent = Producer(config)
parent.produce("orders", b"v", key="parent")
children = []
for number in range(2):
    child = os.fork()
    if child == 0:
        producer = Producer(config)
        producer.produce("orders", b"v", key=f"child {{number}}")
        producer.flush()
        os._exit(0)
    children.append(child)
for child in children:
    os.waitpid(child, 0)
parent.flush()
"""
    done = run(program, broker)
    keys = sorted(span.attributes["messaging.kafka.message.key"] for span in done.writes)
    assert keys == ["child 0", "child 1", "parent"]
    assert all("messaging.kafka.offset" in span.attributes for span in done.writes)
    assert len({span.resource["process.pid"] for span in done.spans}) == 3
    assert len({span.span_id for span in done.spans}) == 6
    assert done.stderr == ""


@pytest.mark.smoke
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_children_have_flushed_before_they_leave(
    run: Runner, broker: str, method: str
) -> None:
    """A child that ends by os._exit, as those of multiprocessing do, loses nothing."""
    program = f"""{HEAD}
import multiprocessing, warnings
warnings.simplefilter("ignore", DeprecationWarning)
def work(number):
    producer = Producer(config)
    producer.produce("orders", b"v", key=str(number))
    producer.flush()
if __name__ == "__main__":
    context = multiprocessing.get_context("{method}")
    children = [context.Process(target=work, args=(number,)) for number in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join()
"""
    if method not in __import__("multiprocessing").get_all_start_methods():
        return
    done = run(program, broker)
    keys = sorted(span.attributes["messaging.kafka.message.key"] for span in done.writes)
    assert (keys, done.stderr) == (["0", "1"], "")


@pytest.fixture
def provide(tmp_path: Path) -> Callable[[str, str, str], None]:
    """Give a function that installs an entry point `name` of `group`: the class of that text."""

    def provide(group: str, name: str, text: str) -> None:
        (tmp_path / f"{name}.py").write_text(text)
        (tmp_path / f"{name}-1.dist-info").mkdir()
        entry = f"[{group}]\n{name} = {name}:Provided\n"
        (tmp_path / f"{name}-1.dist-info" / "entry_points.txt").write_text(entry)
        (tmp_path / f"{name}-1.dist-info" / "METADATA").write_text(f"Name: {name}\n")

    return provide


@pytest.fixture
def built(provide: Callable[[str, str, str], None]) -> Callable[[str], dict[str, str]]:
    """Give a function whose argument, Python, runs in the midst of the first write."""

    def built(meanwhile: str) -> dict[str, str]:
        text = f"""
import os, signal, threading, time
from opentelemetry.sdk.trace import RandomIdGenerator
begun = threading.Event()
class Provided(RandomIdGenerator):
    def __init__(self):
        begun.set()
        {meanwhile}
"""
        provide("opentelemetry_id_generator", "meanwhile", text)
        return {"OTEL_PYTHON_ID_GENERATOR": "meanwhile"}

    return built


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
def test_a_child_that_is_forked_during_the_first_write_can_write(
    run: Runner, broker: str, built: Callable[[str], dict[str, str]]
) -> None:
    """The fork waits until the other thread's write has what it needs."""
    program = f"""{HEAD}
import os, signal, threading, warnings
import meanwhile
warnings.simplefilter("ignore", DeprecationWarning)
def write(key, producer):
    producer.produce("orders", b"v", key=key)
    producer.flush()
connected = Producer(config)  # a fork in the midst of that may stop the client's own threads
connected.list_topics(timeout=10)
thread = threading.Thread(target=write, args=("parent", connected))
thread.start()
meanwhile.begun.wait()
child = os.fork()
if child == 0:
    signal.alarm(20)
    write("child", Producer(config))
    os._exit(0)
print(os.waitpid(child, 0)[1])
thread.join()
"""
    done = run(program, broker, **built("time.sleep(0.5)"))
    assert (done.stdout, done.stderr) == ("0\n", "")
    keys = sorted(span.attributes["messaging.kafka.message.key"] for span in done.writes)
    assert keys == ["child", "parent"]


def test_the_first_write_begins_when_the_pipeline_is_built(
    run: Runner, broker: str, built: Callable[[str], dict[str, str]]
) -> None:
    """The agent's own start is no time of the message's."""
    program = f"""{HEAD}
producer = Producer(config)
producer.produce("orders", b"v")
producer.flush()
"""
    done = run(program, broker, **built("time.sleep(0.5); print(time.time_ns())"))
    assert done.writes[0].start > int(done.stdout) - 250_000_000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no such signals")
def test_a_signal_handler_may_write_during_the_first_write(
    run: Runner, broker: str, built: Callable[[str], dict[str, str]]
) -> None:
    """Its message goes out as it is, without a span and a header, and nobody waits for himself."""
    program = f"""{HEAD}
import signal
producer = Producer(config)
def report(error, message):
    print(message.key(), message.headers())
def write(*_):
    producer.produce("orders", b"v", key="in the handler", on_delivery=report)
signal.signal(signal.SIGUSR1, write)
signal.alarm(20)
producer.produce("orders", b"v", key="first")
producer.flush()
"""
    done = run(program, broker, **built("os.kill(os.getpid(), signal.SIGUSR1)"))
    assert (done.code, done.stdout) == (0, "b'in the handler' None\n")
    assert [span.attributes["messaging.kafka.message.key"] for span in done.writes] == ["first"]


def test_an_abrupt_exit_waits_for_no_flush_without_end(run: Runner, broker: str) -> None:
    """The application's exporter has no answer: os._exit leaves all the same."""
    program = f"""{PROVIDER}
import os, threading
trace.set_tracer_provider(provider)
provider.force_flush = lambda *_: threading.Event().wait()
{ONE}
os._exit(3)
"""
    done = run(program, broker)
    assert (done.code, done.stderr) == (3, "")


def test_an_abrupt_exit_waits_for_no_export_without_end(
    run: Runner, broker: str, otlp_endpoint: Endpoint
) -> None:
    """The collector has no answer: os._exit leaves all the same, and that is told."""
    otlp_endpoint.delay = None
    program = f"{ONE}\nimport os\nos._exit(3)\n"
    done = run(program, broker, **otlp_endpoint.environment)
    assert done.code == 3
    assert re.findall(r"has had no answer yet .* \((.*)\)", done.stderr) == ["export-failed"]


def test_a_flush_at_exit_counts_with_the_applications_provider(run: Runner, broker: str) -> None:
    """What was registered before the first write has delivered when the provider shuts down."""
    program = f"""
import atexit
atexit.register(lambda: print(spans()))
{PROVIDER}
trace.set_tracer_provider(provider)
{HEAD}
producer = Producer({{**config, "linger.ms": 10_000}})
atexit.register(producer.flush)
producer.produce("orders", b"v", partition=0)
"""
    done = run(program, broker)
    assert done.stdout == f"{[('WriteKafka', 0), ('__main__.<module>', None)]}\n"
    assert done.stderr == ""


def test_what_is_unanswered_is_lost_with_the_applications_provider(
    run: Runner, broker: str
) -> None:
    """Its spans are told before the provider shuts down, be it by itself or by the program."""
    program = f"""
import atexit
atexit.register(lambda: print(spans()))
{PROVIDER}
trace.set_tracer_provider(provider)
{HEAD}
producer = Producer({{**config, "linger.ms": 10_000}})
producer.produce("orders", b"v", partition=0)
"""
    own = "provider = TracerProvider(shutdown_on_exit=False)\natexit.register(provider.shutdown)\n"
    for each in program, program.replace("provider = TracerProvider()\n", own):
        done = run(each, broker)
        assert done.stdout == f"{[('WriteKafka', None), ('__main__.<module>', None)]}\n"
        assert done.stderr.count("lost-at-exit") == 1


def test_a_provider_that_is_shut_down_early_loses_no_write(run: Runner, broker: str) -> None:
    """The program goes on, its writes are answered, and nothing is printed of their spans."""
    program = f"""{PROVIDER}
trace.set_tracer_provider(provider)
{HEAD}
producer = Producer({{**config, "linger.ms": 200}})
producer.produce("orders", b"v", partition=0)
provider.shutdown()
producer.flush()
"""
    assert run(program, broker).stderr == ""


def test_a_reader_by_the_name_of_an_exporter_is_not_made(
    run: Runner, broker: str, provide: Callable[[str, str, str], None]
) -> None:
    """As that of Prometheus, which opens a port that nobody would read anything from."""
    text = """
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
class Provided(InMemoryMetricReader):
    def __init__(self):
        print("made")
"""
    provide("opentelemetry_metrics_exporter", "reader", text)
    done = run(ONE, broker, OTEL_METRICS_EXPORTER="reader")
    assert (done.stdout, len(done.spans)) == ("", 2)
    assert re.findall(r"'reader'.* \((.*)\)", done.stderr) == ["exporter-unusable"]


def test_an_exporter_that_raises_has_failed_and_the_agent_has_not(
    run: Runner, broker: str, provide: Callable[[str, str, str], None]
) -> None:
    """One of another package: its exception is named, and its words are not quoted."""
    text = """
from opentelemetry.sdk.trace.export import SpanExporter
class Provided(SpanExporter):
    def export(self, spans):
        raise RuntimeError("SECRET-token")
"""
    provide("opentelemetry_traces_exporter", "raising", text)
    done = run(ONE, broker, OTEL_TRACES_EXPORTER="raising")
    assert "Provided could not export spans: RuntimeError; " in done.stderr
    assert not re.search("SECRET|agent-failed", done.stderr)


def test_each_bad_number_is_told(run: Runner, broker: str) -> None:
    """Not the first alone: each is corrected by itself."""
    numbers = ("OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_BSP_SCHEDULE_DELAY", "OTEL_METRIC_EXPORT_INTERVAL")
    bad = {**dict.fromkeys(numbers, "many"), "OTEL_EXPORTER_OTLP_PROTOCOL": "smoke signals"}
    endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    done = run(ONE, broker, **bad, **endpoint, OTEL_TRACES_EXPORTER="otlp")
    assert done.stderr.count("'many' is ignored") == 3
    assert done.stderr.count("OTEL_EXPORTER_OTLP_PROTOCOL='smoke signals' is ignored") == 1


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_a_bad_value_for_otlp_is_told_and_the_default_used(
    run: Runner, broker: str, rotel: Rotel, protocol: str
) -> None:
    """Once each, with what is accepted; the spans arrive."""
    bad = {"OTEL_EXPORTER_OTLP_TIMEOUT": "10s", "OTEL_EXPORTER_OTLP_COMPRESSION": "zip"}
    done = run(ONE, broker, **rotel.environment(protocol), **bad)
    assert {span.name for span in rotel.wait_for(2)} == {"WriteKafka", "__main__.sell"}
    time, packing = sorted(done.stderr.splitlines(), reverse=True)
    assert "OTEL_EXPORTER_OTLP_TIMEOUT='10s' is ignored; accepted: a number of seconds (" in time
    assert "OTEL_EXPORTER_OTLP_COMPRESSION='zip' is ignored; accepted: none, gzip" in packing


def test_a_setting_that_there_is_not_is_told_once(run: Runner, broker: str) -> None:
    """With the name that is nearest to it, and without its value; nothing else changes."""
    done = run(ONE, broker, AUTOINSTRUMENT_RECORDS="SECRET", AUTOINSTRUMENT_SPAN_NAME="semconv")
    assert done.stderr.splitlines() == [
        f"autoinstrument: AUTOINSTRUMENT_{given} is ignored: there is no such setting;"
        f" did you mean AUTOINSTRUMENT_{meant}? (bad-setting)"
        for given, meant in [("RECORDS", "RECORD"), ("SPAN_NAME", "SPAN_NAMES")]
    ]
    assert len(done.spans) == 2


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "-1"),
        ("OTEL_SPAN_EVENT_COUNT_LIMIT", "1.5"),
        ("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "x"),
    ],
)
def test_a_bad_limit_is_told_and_the_defaults_used(
    run: Runner, broker: str, variable: str, value: str
) -> None:
    """The SDK refuses it; spans are there all the same."""
    done = run(ONE, broker, **{variable: value})
    assert re.findall(rf"{variable}='{value}' .*; .* \((.*)\)", done.stderr) == ["bad-setting"]
    assert len(done.spans) == 2


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_an_endpoint_that_redirects_has_taken_nothing(
    run: Runner, broker: str, otlp_endpoint: Endpoint, status: int
) -> None:
    """The exporter does not follow it: the program is told so, and at its end of the loss."""
    otlp_endpoint.status = status
    done = run(ONE, broker, **otlp_endpoint.environment)
    assert re.findall(r"\((\S*)\)", done.stderr) == ["export-failed", "spans-dropped"]
