"""How a process comes to its end when it has written: the last lines of its program."""

from __future__ import annotations

ENDS = {
    "returns": "pass",
    "sys.exit": "sys.exit(3)",
    "sys.exit with words": "sys.exit('no more')",
    "an exception": "raise ValueError('unhandled')",
    "KeyboardInterrupt": "raise KeyboardInterrupt",
    "a handler of atexit that writes": "atexit.register(write, 2)",
    "a handler of atexit that calls os._exit": "atexit.register(os._exit, 4)",
    "os._exit": "os._exit(3)",
    "os.abort": "import resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); os.abort()",
    "raise_signal": "signal.raise_signal(signal.SIGTERM)",
    "raise_signal, imported by name": """
from signal import raise_signal
raise_signal(signal.SIGTERM)
""",
    "as uvicorn does": """
signal.signal(signal.SIGTERM, lambda *_: None)
signal.raise_signal(signal.SIGTERM)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
signal.raise_signal(signal.SIGTERM)
""",
    "as twistd does": """
signal.signal(signal.SIGINT, lambda *_: None)
os.kill(os.getpid(), signal.SIGINT)
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.kill(os.getpid(), signal.SIGINT)
""",
    "kill": "os.kill(os.getpid(), signal.SIGTERM)",
    "kill, which nothing can catch": "os.kill(os.getpid(), signal.SIGKILL)",
    "kill of group 0": "os.setpgrp(); os.kill(0, signal.SIGTERM)",
    "killpg": "os.setpgrp(); os.killpg(os.getpgrp(), signal.SIGHUP)",
    "pthread_kill": "signal.pthread_kill(threading.get_ident(), signal.SIGTERM)",
    "kill from a thread": """
thread = threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGTERM))
thread.start()
thread.join()
""",
    "execv": "os.execv(sys.executable, [sys.executable, '-c', 'print(4)'])",
    "execvpe": "os.execvpe('sh', ['sh', '-c', 'echo $MORE'], {**os.environ, 'MORE': '5'})",
    "an exec that fails": """
try:
    os.execvp("no-such-command", ["no-such-command"])
except FileNotFoundError:
    print("not found")
write(2)
""",
    "an exec that fails late": """
open("empty", "w").close()
os.chmod("empty", 0o755)
try:
    os.execv("./empty", ["empty"])
except OSError as error:
    print(error)
write(2)
""",
    "a signal that is blocked": """
time.sleep(0.5)  # kafka-python's thread, which blocks nothing, may not have ended yet
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
os.kill(os.getpid(), signal.SIGTERM)
write(2)
print(signal.sigwait([signal.SIGTERM]))
""",
    "a signal that does nothing": "os.kill(os.getpid(), signal.SIGCHLD); write(2)",
    "a probe": "os.kill(os.getpid(), 0); write(2)",
    "wrong arguments": """
for call in (lambda: os.kill("me"), lambda: os._exit("3"), lambda: signal.raise_signal(999)):
    try:
        call()
    except (TypeError, ValueError, OSError) as error:
        print(type(error).__name__, error)
write(2)
""",
    "a handler that raises SystemExit": """
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
os.kill(os.getpid(), signal.SIGTERM)
""",
    "a handler that calls os._exit": """
signal.signal(signal.SIGTERM, lambda *_: os._exit(8))
os.kill(os.getpid(), signal.SIGTERM)
""",
    "Ctrl+C in a sleep": """
threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
time.sleep(20)
""",
    "an alarm, a second after": "signal.setitimer(signal.ITIMER_REAL, 1.6); time.sleep(20)",
    "a crash in C, a second after": """
import ctypes, resource
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
time.sleep(1.6)
ctypes.string_at(0)
""",
}
"""By name. What nobody can see coming is a second away from the last write."""

SUDDEN = ("os._exit", "raise_signal", "execv")
"""Those that run no handler of atexit: one of each kind."""
EVERYWHERE = ("returns", "kill")
"""Those that run by each method, with each client and from each start."""
