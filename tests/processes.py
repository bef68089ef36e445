"""Processes that tests start: none of them outlives the test run, however that ends."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")


class Process:
    """A command under a guard of its own, which kills it as soon as the guard's stdin ends.

    The stdin is a pipe from this process unless `lifeline` is a socket: then the command lives as
    long as the socket's far end. Output goes to the file `log`.
    """

    def __init__(
        self, command: Sequence[str | Path], log: Path, lifeline: socket.socket | None = None
    ) -> None:
        self.log = log
        self._guard = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, log, *command],
            stdin=lifeline or subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=_environment(),
            start_new_session=True,  # Ctrl-C is for pytest, which then ends the guard
        )
        assert self._guard.stdout is not None
        with self._guard.stdout:
            self.pid = int(self._guard.stdout.readline())

    def until(self, ready: Callable[[], T], seconds: float = 30.0) -> T:
        """Return the first true value of `ready`.

        Raises RuntimeError when the process ends first and TimeoutError when time is over, both
        with what it has written.
        """

        def ready_while_alive() -> T:
            if self._guard.poll() is not None:
                raise RuntimeError(f"ended, having said:\n{self.output()}")
            return ready()

        try:
            return until(ready_while_alive, "", seconds)
        except TimeoutError as error:
            said = self.output()
            raise TimeoutError(f"not ready after {seconds} s, having said:\n{said}") from error

    def output(self) -> str:
        """Return what the process has written so far."""
        return self.log.read_text(errors="replace")

    def pause(self) -> None:
        """Stop the process where it is; its sockets stay open and say nothing.

        Returns when it has stopped: on a busy machine a thread of it may still answer for a while.
        """
        os.kill(self.pid, signal.SIGSTOP)
        until(lambda: _is_stopped(self.pid), "it does not stop")

    def resume(self) -> None:
        """Let a paused process go on."""
        os.kill(self.pid, signal.SIGCONT)

    def leave(self) -> None:
        """Leave it to its lifeline: nobody waits for it any more."""
        self._guard.returncode = 0  # or Popen warns that it was not waited for

    def kill(self) -> None:
        """End the process at once and wait until it is gone; a second time does nothing."""
        with self._guard:
            pass


def _is_stopped(pid: int) -> bool:
    """Whether each thread's state is T, the first field after its name in parentheses."""
    with contextlib.suppress(FileNotFoundError):  # a thread that has ended in the meantime
        states = [
            stat.read_text().rpartition(")")[2].split()[0]
            for stat in Path(f"/proc/{pid}/task").glob("*/stat")
        ]
        return set(states) <= {"T"}
    return False


def until(condition: Callable[[], T], what: str, seconds: float = 30.0) -> T:
    """Return the first true value of `condition`; raise TimeoutError(`what`) after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.02)
    return value


def accepts(port: int) -> bool:
    """Tell whether somebody listens on a port of this machine."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def free_port() -> int:
    """Return a port that nobody has, below those that systems hand out: it can be had again."""
    while True:
        port = 20_000 + secrets.randbelow(12_000)  # `random` is seeded alike in every worker
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def _environment() -> dict[str, str]:
    """Return this process's environment without what a test has set for the agent."""
    ours = ("AUTOINSTRUMENT_", "OTEL_", "PYTHONPATH")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def _guard(log: str, *command: str) -> None:
    with Path(log).open("ab") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
    print(process.pid, flush=True)  # noqa: T201 - what the starter waits for
    threading.Thread(target=_kill_at_end_of_stdin, args=(process,), daemon=True).start()
    process.wait()


def _kill_at_end_of_stdin(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(OSError):
        os.read(0, 1)
    process.kill()


if __name__ == "__main__":
    _guard(*sys.argv[1:])
