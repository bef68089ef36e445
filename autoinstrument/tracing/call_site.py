"""The line of the application that writes; a root span is named for its function."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from autoinstrument.process.limits import cut

from .attributes import Attributes

if TYPE_CHECKING:
    from types import CodeType, FrameType


class CallSite(NamedTuple):
    """A line of the application that writes, as the root span describes it."""

    name: str
    """The function and its module; before Python 3.11 without the classes around it."""
    attributes: Attributes
    """OpenTelemetry's code attributes, semantic conventions v1.44.0."""
    code: CodeType
    """Kept alive, so that no other code can have the same id."""


# By code and instruction. Not by the code itself, whose hash takes as long as the code is.
known_call_sites: dict[tuple[int, int], CallSite] = {}
_MOST_SITES = 4096
# An event loop runs the client's own coroutines, as those of gather(): it has made no call itself.
_NOBODYS = frozenset({"asyncio", "autoinstrument", "uvloop"})


def call_site(frame: FrameType, passed_over: str) -> CallSite:
    """Return the line of the application that `frame` is at, or was called from.

    The frames of the client, the package `passed_over`, are skipped, as are those of the agent and
    of event loops: a coroutine of the client that is a task leads to what runs the loop. The search
    ends at the outermost frame. Finding a line takes up to 1 us, so `known_call_sites` keeps it.
    """
    while frame.f_back is not None:
        package = frame.f_globals.get("__name__", "").partition(".")[0]
        if package != passed_over and package not in _NOBODYS:
            break
        frame = frame.f_back
    key = id(frame.f_code), frame.f_lasti
    site = known_call_sites.get(key)
    if site is None:
        if len(known_call_sites) >= _MOST_SITES:
            known_call_sites.clear()
        module = frame.f_globals.get("__name__", "?")
        site = known_call_sites[key] = _described(frame.f_code, module, frame.f_lasti)
    return site


def _described(code: CodeType, module: str, instruction: int) -> CallSite:
    name = cut(f"{module}.{getattr(code, 'co_qualname', code.co_name)}")
    known: dict[str, str | int] = {
        "code.function.name": name,
        "code.file.path": cut(code.co_filename),
    }
    for start, end, line in code.co_lines():
        if start <= instruction < end and line is not None:
            known["code.line.number"] = line
    return CallSite(name, Attributes(known), code)
