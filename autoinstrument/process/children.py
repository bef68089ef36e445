"""Children of multiprocessing that their program ends by a signal: they are asked to export first.

So do a pool at the end of its `with` block, `Process.terminate()`, and the end of a program that
has daemonic children. A child that has something to export listens at an address that its parent
knows as well, says how many operations wait, and hangs up when it has exported. Linux alone has
such addresses, of which nothing is left when their process is killed.

This module is imported with `multiprocessing`, so it imports nothing that an interpreter has not
loaded.
"""

from __future__ import annotations

import os
import sys
from functools import partial, wraps

from .background import start
from .guard import Guard
from .notices import tell, waiting
from .private_names import has_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_PATIENCE = 2.0
"""Seconds that a parent waits for its children's exports: once, where one takes so long."""
_DIGITS = 20
_WAYS = ("terminate", "kill")
_guard = Guard("the end of a child process")
_listening: Any = None
"""This process's socket, if it is such a child."""
_given_up = False
"""Whether this process has waited for a child in vain: its others have the same exporter."""


def install(popen_fork: Any) -> None:
    """Have a child asked before it gets a signal, whatever start method it has."""
    popen = popen_fork.Popen
    unasked = "children that their program ends lose the spans of their last second"
    if has_names(popen, *_WAYS, "pid", "returncode", otherwise=unasked):
        for name in _WAYS:
            setattr(popen, name, _asking(getattr(popen, name)))


def _asking(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    @wraps(original)
    def called(self: Any) -> Any:
        try:
            if self.returncode is None:
                _ask(self.pid)
        finally:  # a signal handler's exception does not keep the child alive
            result = original(self)
        return result

    return called


def listen(export: Callable[[], object], count: Callable[[], int]) -> None:
    """Call `export` when this process, if it is a child of multiprocessing, is about to be ended.

    It is called in a thread of its own, and before it `count`, for how many operations wait. Only
    the first call does anything.
    """
    global _listening  # noqa: PLW0603 - the process's one
    process = sys.modules.get("multiprocessing.process")
    if process is None or process.parent_process() is None or _listening or not _has_addresses():
        return
    with _guard:
        _listening = _socket()
        _listening.bind(_address_of(os.getpid()))
        _listening.listen()
        start(partial(_serve, _listening, export, count))


def forget() -> None:
    """Leave what a forked process has inherited to its parent, which is the one that is asked."""
    global _listening  # noqa: PLW0603 - as above
    if _listening is not None:
        _listening.close()
        _listening = None


def _ask(pid: int) -> None:
    global _given_up  # noqa: PLW0603 - as above
    if _given_up or not _has_addresses():
        return
    said = b""
    with _guard, _socket() as asking:
        asking.settimeout(_PATIENCE)
        try:
            asking.connect(_address_of(pid))
            said = asking.recv(_DIGITS)
            asking.recv(1)  # it hangs up
        except TimeoutError:
            _given_up = True
            _tell_of(said)
        except OSError:  # it does not listen: it has nothing to export
            pass


def _tell_of(said: bytes) -> None:
    words = "a child process was ended before its export was answered"
    if said.isdigit() and int(said):
        words += f" ({waiting(int(said))})"
    tell("export-failed", f"{words}; other children are not waited for", about="a child")


def _serve(listening: Any, export: Callable[[], object], count: Callable[[], int]) -> None:
    while True:
        asking, _ = listening.accept()
        with asking, _guard:
            asking.sendall(b"%d" % count())
            export()


def _has_addresses() -> bool:
    return sys.platform == "linux"


def _socket() -> Any:
    from socket import AF_UNIX, socket  # noqa: PLC0415 - see above

    return socket(AF_UNIX)


def _address_of(pid: int) -> str:
    """Return what only this program's processes can tell: processes of two containers share pids.

    Parents and children have the key in common, however the children are started.
    """
    from hmac import digest  # noqa: PLC0415 - see above
    from multiprocessing.process import current_process  # noqa: PLC0415 - see above

    told = digest(current_process().authkey, b"%d" % pid, "sha256")
    return f"\0autoinstrument-{told.hex()}"
