"""Children of multiprocessing that their program ends by a signal: what was answered has its span.

Each test starts programs, since it is the end of their children that is looked at.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from brokers import Kafka
    from collectors import Endpoint
    from programs import Runner

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="children are asked on Linux alone")

HEAD = """
import multiprocessing, os, sys, time, warnings
from concurrent.futures import ProcessPoolExecutor
warnings.simplefilter("ignore", DeprecationWarning)
context = multiprocessing.get_context(sys.argv[3])
def write(count):
    from confluent_kafka import Producer
    producer = Producer({"bootstrap.servers": sys.argv[1]})
    for number in range(count):
        producer.produce(sys.argv[2], str(number))
    assert producer.flush(20) == 0
    return count
def write_and_tell(count, written):
    write(count)
    written.set()
    time.sleep(30)
def write_and_fail(count, written):
    write(count)
    open("empty", "w").close()
    os.chmod("empty", 0o755)
    try:
        os.execv("./empty", ["empty"])
    except OSError:
        write_and_tell(count, written)
def begin(daemon, work=write_and_tell):
    written = context.Event()
    child = context.Process(target=work, args=(5, written), daemon=daemon)
    child.start()
    assert written.wait(30)
    return child
"""
ENDS = {
    "a pool's block": """
    with context.Pool(2) as pool:
        print(sum(pool.map(write, [5, 5])))
""",
    "an executor's block": """
    with ProcessPoolExecutor(2, context) as pool:
        print(sum(pool.map(write, [5, 5])))
""",
    "a daemonic child": """
    begin(daemon=True)
""",
    "terminate": """
    child = begin(daemon=False)
    child.terminate()
    child.join()
    print(child.exitcode)
""",
    "kill": """
    child = begin(daemon=False)
    child.kill()
    child.join()
    print(child.exitcode)
""",
    "a child that goes on after a failed exec": """
    child = begin(daemon=False, work=write_and_fail)
    child.terminate()
    child.join()
    print(child.exitcode)
""",
    "a child that has nothing to export": """
    child = context.Process(target=time.sleep, args=(30,))
    child.start()
    child.terminate()
    child.join()
    print(child.exitcode, write(1))
""",
}
METHODS = ["fork", "spawn", "forkserver"]


def _program(end: str) -> str:
    return f"{HEAD}if __name__ == '__main__':{ENDS[end]}"


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("end", ENDS)
def test_a_child_that_its_parent_ends_keeps_its_spans(
    run: Runner, kafka: Kafka, end: str, method: str
) -> None:
    """Same output and exit codes, and a span for each message in the log.

    The client is imported in the children alone.
    """
    program = _program(end)
    bare = run(program, kafka.bootstrap, kafka.topic(), method, bare=True)
    topic = kafka.topic()
    traced = run(program, kafka.bootstrap, topic, method)
    assert (traced.stdout, traced.stderr, traced.code) == (bare.stdout, bare.stderr, bare.code)
    written = [(record.partition, record.offset) for record in kafka.records(topic)]
    assert written
    assert sorted(traced.places) == written


def test_a_child_keeps_its_spans_where_its_parent_has_written(run: Runner, kafka: Kafka) -> None:
    """What a fork copies of the parent's is not in the child's way."""
    program = f"{HEAD}write(5)\nif True:{ENDS['terminate']}"
    done = run(program, kafka.bootstrap, kafka.topic(), "fork")
    assert len(done.places) == 10


@pytest.mark.parametrize("method", METHODS)
def test_an_endpoint_gets_what_a_child_has_written(
    run: Runner, kafka: Kafka, otlp_endpoint: Endpoint, method: str
) -> None:
    """The parent waits until it is answered."""
    otlp_endpoint.delay = 0.3
    topic = kafka.topic()
    program = _program("a pool's block")
    run(program, kafka.bootstrap, topic, method, **otlp_endpoint.environment)
    written = {
        (int(span.attributes["messaging.destination.partition.id"]), offset)
        for span in otlp_endpoint.spans()
        if (offset := span.attributes.get("messaging.kafka.offset")) is not None
    }
    assert written == {(record.partition, record.offset) for record in kafka.records(topic)}


def test_a_child_of_the_applications_provider_keeps_its_spans(
    run: Runner, kafka: Kafka, otlp_endpoint: Endpoint
) -> None:
    """It is flushed, which waits for five seconds otherwise."""
    setup = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)
"""
    program = setup + _program("terminate")
    run(program, kafka.bootstrap, kafka.topic(), "spawn", **otlp_endpoint.environment)
    assert len([span for span in otlp_endpoint.spans() if span.name == "WriteKafka"]) == 5


def test_a_parent_waits_for_an_exporter_that_hangs_once(
    run: Runner, kafka: Kafka, otlp_endpoint: Endpoint
) -> None:
    """However many children it ends, two seconds, and says so."""
    otlp_endpoint.delay = None
    program = f"""{HEAD}
if __name__ == "__main__":
    children = [begin(daemon=False) for _ in range(3)]
    begun = time.monotonic()
    for child in children:
        child.terminate()
        child.join()
    print(time.monotonic() - begun)
"""
    done = run(program, kafka.bootstrap, kafka.topic(), "fork", **otlp_endpoint.environment)
    assert 2 <= float(done.stdout) < 5
    words = "a child process was ended before its export was answered (5 operations wait)"
    told = [line for line in done.stderr.splitlines() if "child" in line]
    assert told == [f"autoinstrument: {words}; other children are not waited for (export-failed)"]
