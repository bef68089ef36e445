"""The programs of the claims, without the facade that each begins with."""

ANY_CALL = """
messages = eval(open(sys.argv[3]).read())
producer = connect(sys.argv[1])
for number, (message, positional) in enumerate(messages):
    message = {name: of for name, of in message.items() if name in ORDER}
    names = ORDER[:positional]
    args = [sys.argv[2]] + [message.get(name, DEFAULTS.get(name)) for name in names[1:]]
    kwargs = {name: of for name, of in message.items() if name not in names}
    before = repr((args, kwargs))
    if not names:
        args, kwargs["topic"] = [], sys.argv[2]
    try:
        partition, _ = answer(write(producer, *args, **kwargs))
        print(number, "written", partition if "partition" in message else "")
    except Exception as error:
        print(number, type(error).__name__, error)
    assert names == [] or repr((args, kwargs)) == before
close(producer)
"""

THREADS = """
import threading
def work():
    producer = connect(sys.argv[1])
    for handle in [write(producer, sys.argv[2], value=b"v") for _ in range(20)]:
        answer(handle)
    close(producer)
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""

FORKS = """
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

TRACEPARENTS = """
from opentelemetry import trace
context = trace.SpanContext(0xabc, 0xdef, False, trace.TraceFlags(1))
producer = connect(sys.argv[1])
with trace.use_span(trace.NonRecordingSpan(context)):
    for ids in (0xabc, 0xdef), (0x123, 0x456):
        headers = [("traceparent", b"00-%032x-%016x-01" % ids)]
        answer(write(producer, sys.argv[2], value=b"v", headers=headers))
close(producer)
"""

FAULT = """
producer = connect(sys.argv[1], timeout=2000)
if sys.argv[3] == "closed":
    answer(write(producer, sys.argv[2], value=b"first"))
    close(producer)
try:
    print(answer(write(producer, sys.argv[2], value=b"v" * int(sys.argv[4]))))
except Exception as error:
    print(type(error).__name__, error)
"""

TRANSACTIONS = """
producer = connect(sys.argv[1], transactional_id=sys.argv[2])
for end in commit, abort:
    begin(producer)
    answer(write(producer, sys.argv[2], value=b"v"))
    end(producer)
close(producer)
"""

CONSUMING = """
from opentelemetry import trace
def current():
    return f"{trace.get_current_span().get_span_context().span_id:016x}"
def handle(value):
    print(value, current())
producer = connect(sys.argv[1])
for number in range(3):
    answer(write(producer, sys.argv[2], value=b"%d" % number))
close(producer)
consume(sys.argv[1], sys.argv[2], 3, handle)
print("after", current())
"""
