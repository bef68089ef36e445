"""Children, by whatever way they are begun and ended: what stands after `write`."""

from __future__ import annotations

from .pools import in_each_context

_LONG_LIFE = """
def live(written):
    write(5)
    written.set()
    time.sleep(30)
"""
_STARTED = """\
written = context.Event()
process = context.Process(target=live, args=(written,), daemon=True)
process.start()
written.wait()
"""
CHILDREN = {
    **in_each_context("a daemonic Process at its parent's end", _STARTED, _LONG_LIFE),
    **in_each_context(
        "Process.terminate, at once",
        _STARTED + "process.terminate()\nprocess.join()\nprint(process.exitcode)",
        _LONG_LIFE,
    ),
    **in_each_context(
        "Process.terminate, a second after",
        _STARTED + "time.sleep(1.6)\nprocess.terminate()\nprocess.join()\nprint(process.exitcode)",
        _LONG_LIFE,
    ),
    **in_each_context(
        "Process.kill, a second after",
        _STARTED + "time.sleep(1.6)\nprocess.kill()\nprocess.join()\nprint(process.exitcode)",
        _LONG_LIFE,
    ),
    "set_start_method": """
import multiprocessing
if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    process = multiprocessing.Process(target=write, args=(5,))
    process.start()
    process.join()
    print(process.exitcode)
""",
    "children beside their parent": """
import multiprocessing
processes = [multiprocessing.get_context("fork").Process(target=write, args=(3,)) for _ in "123"]
for process in processes:
    process.start()
write(3)
for process in processes:
    process.join()
print([process.exitcode for process in processes])
""",
    "a child that executes another program": """
write(1)
if os.fork() == 0:
    write(2)
    os.execl(sys.executable, sys.executable, "-c", "print(6)")
os.wait()
""",
    "posix_spawn": """
write(2)
pid = os.posix_spawn(sys.executable, [sys.executable, "-c", "print(7)"], os.environ)
print(os.waitpid(pid, 0)[1])
""",
    "a fork of a fork": """
write(1)
if os.fork() == 0:
    write(1)
    if os.fork() == 0:
        write(1)
        os._exit(3)
    os._exit(os.waitstatus_to_exitcode(os.wait()[1]))
print(os.waitstatus_to_exitcode(os.wait()[1]))
""",
    "a daemon by two forks": """
if os.fork():
    os._exit(0)
os.setsid()
if os.fork():
    os._exit(0)
os.chdir("/")
os.closerange(3, 1024)
write(5)
os._exit(0)
""",
    "a signal in a child that inherits a handler": """
exiting = False
def on_term(*_):
    if exiting:
        sys.exit(0)
signal.signal(signal.SIGTERM, on_term)
parent = os.getpid()
try:
    pid = os.fork()
    if pid == 0:
        write(20)
        exiting = True
        os._exit(0)
    while os.waitpid(pid, os.WNOHANG) == (0, 0):
        os.kill(pid, signal.SIGTERM)
        time.sleep(0.002)
finally:
    print("cleaned by", "parent" if os.getpid() == parent else "child")
""",
}
