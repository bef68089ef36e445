"""One unit of work a message, whoever works on it: threads, the jobs of pools, tasks.

Each test starts a program, since a client is traced from its import on.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from consuming import HEAD, units_of

if TYPE_CHECKING:
    from programs import Run, Runner

WITHOUT_THREADS = 'sys.modules["opentelemetry.instrumentation.threading"] = None\n'
POOL = """
import asyncio
from concurrent.futures import ThreadPoolExecutor
pool = ThreadPoolExecutor(3)
def in_pool():
    return {pool.submit(current).result() for _ in range(9)}
"""


@pytest.fixture(params=[HEAD, HEAD + WITHOUT_THREADS], ids=["threads", "without"])
def head(request: pytest.FixtureRequest) -> str:
    """Return the beginning of a program, with the extra `threads` and without it."""
    found: str = request.param
    return found


@pytest.mark.parametrize("way", ["pool.submit", "run_in_executor", "to_thread"])
def test_a_poll_in_a_pool_leaves_nothing_to_its_thread(
    run: Runner, broker: str, head: str, way: str
) -> None:
    """The unit ends with the next poll, whichever thread runs it; other jobs never see it."""
    program = f"""{head}{POOL}
import time
fill("in", 8)
consumer = consumer_of("in")
async def main():
    loop = asyncio.get_running_loop()
    loop.set_default_executor(pool)
    for _ in range(8):
        await {{
            "pool.submit": lambda: asyncio.wrap_future(pool.submit(consumer.poll, 5)),
            "run_in_executor": lambda: loop.run_in_executor(None, consumer.poll, 5),
            "to_thread": lambda: asyncio.to_thread(consumer.poll, 5),
        }}["{way}"]()
        assert current() == "none" and in_pool() == {{"none"}}
    asked = time.time_ns()
    await asyncio.to_thread(consumer.poll, 0)
    print(asked, time.time_ns())
asyncio.run(main())
time.sleep(0.2)
consumer.close()
"""
    done = run(program, broker)
    units = units_of(done)
    assert len(units) == 8
    for one, other in pairwise(units):
        assert one.end <= other.start
    asked, answered = map(int, done.stdout.split())
    assert asked <= units[-1].end <= answered


def test_a_job_that_polls_and_works_has_its_unit_until_it_is_over(
    run: Runner, broker: str, head: str
) -> None:
    """Several of them at once, each with a unit of its own, on one consumer."""
    program = f"""{head}{POOL}
import threading
fill("in", 6)
consumer = consumer_of("in")
together = threading.Barrier(2)
def job():
    for _ in range(3):
        poll(consumer)
        together.wait(10)
        producer.produce("out", current())
        together.wait(10)
list(pool.map(lambda _: job(), range(2)))
assert in_pool() == {{"none"}}
producer.flush()
consumer.close()
"""
    done = run(program, broker)
    parents = {span.parent_id for span in done.writes[6:]}
    assert parents == {unit.span_id for unit in units_of(done)}
    assert len(parents) == 6


@pytest.mark.parametrize(
    "job",
    [
        """
class _Context:
    def run(self, task):
        fn, args, kwargs = task
        return fn(*args, **kwargs)
class _WorkItem:
    def __init__(self, future, *task):
        self.future = future
        self.task = task if len(task) > 1 else task[0]
    def run(self, *_):
        if self.future.set_running_or_notify_cancel():
            self.future.set_result(_Context().run(self.task))
""",
        """
class _WorkItem:
    def __init__(self, future, *task):
        self.result, self.what = future, task if len(task) > 1 else task[0]
    def begin(self):
        if self.result.set_running_or_notify_cancel():
            fn, args, kwargs = self.what
            self.result.set_result(fn(*args, **kwargs))
    def run(self, *_):
        self.begin()
""",
    ],
    ids=["as in Python 3.14", "with other names"],
)
def test_a_job_is_known_whatever_the_names_in_its_pool(run: Runner, broker: str, job: str) -> None:
    """The units are those of the jobs, each of which ends with its job, and all are recorded."""
    program = f"""{HEAD}
import concurrent.futures.thread
exec({job!r}, vars(concurrent.futures.thread))
{POOL}
fill("in", 8)
consumer = consumer_of("in")
for _ in range(8):
    assert pool.submit(consumer.poll, 5).result() is not None
    assert in_pool() == {{"none"}}
consumer.close()
"""
    done = run(program, broker)
    assert len(units_of(done)) == 8
    assert done.stderr == ""


def test_a_pool_without_jobs_is_told_and_its_threads_are_traced(run: Runner, broker: str) -> None:
    """What cannot be known of pools costs nothing but the end of a unit with its job."""
    program = f"""{HEAD}
import concurrent.futures.thread
exec('''
def begin(future): return future.set_running_or_notify_cancel()
class _WorkItem:
    def __init__(self, future, *task):
        self.future, self.task = future, task if len(task) > 1 else task[0]
    def run(self, *_):
        begin(self.future)
        fn, args, kwargs = self.task
        self.future.set_result(fn(*args, **kwargs))
''', vars(concurrent.futures.thread))
{POOL}
fill("in", 8)
consumer = consumer_of("in")
for _ in range(8):
    assert pool.submit(consumer.poll, 5).result() is not None
consumer.close()
"""
    done = run(program, broker)
    assert len(units_of(done)) == 8
    (told,) = done.stderr.splitlines()
    assert "concurrent.futures.thread has no class of jobs: " in told
    assert told.endswith("(part-unsupported)")


def test_what_a_thread_leaves_open_ends_with_the_next_poll(run: Runner, broker: str) -> None:
    """A thread for each poll: none stays open until the consumer is closed."""
    program = f"""{HEAD}
import threading, time
fill("in", 3)
consumer = consumer_of("in")
for _ in range(3):
    thread = threading.Thread(target=poll, args=[consumer])
    thread.start()
    thread.join()
consumer.poll(0)
print(time.time_ns())
time.sleep(0.2)
consumer.close()
"""
    done = run(program, broker)
    units = units_of(done)
    assert len(units) == 3
    assert max(unit.end for unit in units) < int(done.stdout)


def test_a_forked_child_works_in_the_unit_and_leaves_it_to_its_parent(
    run: Runner, broker: str
) -> None:
    """Its writes are the unit's children; the span comes from the process that polled, once."""
    program = f"""{HEAD}
import os, warnings
warnings.simplefilter("ignore")
fill("in", 1)
consumer = consumer_of("in")
poll(consumer)
pid = os.fork()
if pid == 0:
    own = Producer(common)
    own.produce("out", current())
    own.flush()
    os._exit(0)
os.waitpid(pid, 0)
producer.produce("out", current())
producer.flush()
consumer.close()
"""
    done = run(program, broker)
    (unit,) = units_of(done)
    ours = [span for span in done.writes if span.parent_id == unit.span_id]
    assert len({span.resource["process.pid"] for span in ours}) == len(ours) == 2
    assert unit.resource == done.writes[0].resource


def test_a_fork_waits_for_what_the_agent_imports(run: Runner, broker: str) -> None:
    """Else the child waits for ever for a thread that it does not have to finish the import."""
    program = f"""{HEAD}
import os, signal, threading, time, warnings
warnings.simplefilter("ignore")
begun = threading.Event()
class Slow:
    def find_spec(self, name, *_):
        if name == "opentelemetry.sdk.metrics":  # which the first export of metrics takes
            begun.set()
            time.sleep(0.5)
sys.meta_path.insert(0, Slow())
fill("in", 1)
assert begun.wait(10)
pid = os.fork()
if pid == 0:
    signal.alarm(10)
    from opentelemetry.sdk.metrics import MeterProvider
    own = Producer(common)
    own.produce("out", b"v")
    own.flush()
    os._exit(0)
print(os.waitpid(pid, 0)[1])
"""
    done = run(program, broker)
    assert (done.stdout, done.stderr, len(done.writes)) == ("0\n", "", 2)


ENDS = [
    ("raise LookupError('gone')", "LookupError"),
    ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    ("json.loads('{')", "json.decoder.JSONDecodeError"),
    ("sys.exit('no more')", "SystemExit"),
    ("sys.exit(3)", "SystemExit"),
    ("sys.exit(0)", None),
    ("sys.exit()", None),
    ("pass", None),
]
CLOSINGS = {
    "finally": """
def main():
    consumer = consumer_of("in")
    try:
        poll(consumer)
        END
    finally:
        consumer.close()
main()
""",
    "with": """
with contextlib.closing(consumer_of("in")) as consumer:
    poll(consumer)
    END
""",
    "within a handler": """
try:
    raise OSError("long handled")
except OSError:
    with contextlib.closing(consumer_of("in")) as consumer:
        poll(consumer)
        END
""",
}


@pytest.mark.parametrize(("end", "cause"), ENDS)
@pytest.mark.parametrize("closing", CLOSINGS)
def test_an_exception_that_closes_the_consumer_fails_the_unit(
    run: Runner, broker: str, end: str, cause: str | None, closing: str
) -> None:
    """The one that is on its way out, with its type; an orderly exit is no failure."""
    text = CLOSINGS[closing].replace("END", end)
    program = f"""{HEAD}
import contextlib, json
fill("in", 1)
{text}"""
    assert _causes(run(program, broker)) == [cause]


@pytest.mark.parametrize(
    ("way", "causes"),
    [
        ("for number, message in enumerate(consumer.consume(3, 9)): 1 / (1 - number)", (0, 1)),
        ("for number, message in enumerate(consumer.consume(3, 9)): pass\n1 / 0", (0, 0, 0)),
        ("thread = Thread(target=work); thread.start(); thread.join()", (1,)),
        ("pool.submit(work).exception()", (1,)),
        ("asyncio.run(in_a_coroutine())", (1,)),
    ],
    ids=["in a batch", "after a batch", "thread", "pool", "asyncio"],
)
def test_an_exception_fails_the_unit_that_it_ends(
    run: Runner, broker: str, way: str, causes: tuple[int, ...]
) -> None:
    """Nobody closes the consumer here, and what was done before has not failed."""
    program = f"""{HEAD}{POOL}
from threading import Thread
fill("in", 3)
consumer = consumer_of("in")
def work():
    poll(consumer)
    1 / 0
async def in_a_coroutine():
    work()
{way}
"""
    expected = ["ZeroDivisionError" if failed else None for failed in causes]
    assert _causes(run(program, broker)) == expected


def _causes(done: Run) -> list[str | None]:
    units = [span for span in done.spans if span.kind == "CONSUMER"]
    units.sort(key=lambda span: span.start)
    for unit in units:
        assert ("error.type" in unit.attributes) == (unit.status_code == "ERROR")
    return [unit.attributes.get("error.type") for unit in units]
