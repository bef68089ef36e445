"""Units of work: what a write belongs to when the application has no span of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ._common import Common

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import CodeType, FrameType


class Root:
    """A root span around one write, named for the application function that made the call."""

    __slots__ = ("code", "extra", "flags", "instruction", "module", "recording", "span_id")

    def __init__(self, frame: FrameType) -> None:
        self.code: CodeType = frame.f_code
        self.module: str = frame.f_globals.get("__name__", "?")
        self.instruction = frame.f_lasti  # the line takes up to 1 us to find: not on the hot path
        self.span_id = 0
        self.flags: int | None = None
        """None where the sampler's answer for the write holds for its root too."""
        self.recording = True
        self.extra: Mapping[str, Any] | None = None

    @property
    def site(self) -> CallSite:
        """What the span says of the call; found once for each calling line."""
        key = id(self.code), self.instruction
        found = _sites.get(key)
        if found is not None and found[0] is self.code:
            return found[1]
        if len(_sites) >= _MOST_SITES:
            _sites.clear()
        site = _call_site(self.code, self.module, self.instruction)
        _sites[key] = self.code, site
        return site


class CallSite(NamedTuple):
    """A place in the application that writes."""

    name: str
    """The function with its module; before Python 3.11 without the classes around it."""
    attributes: Common
    """OpenTelemetry's code attributes, semantic conventions v1.44.0."""


# By code and instruction. Not by the code itself, whose hash takes as long as the code is.
_sites: dict[tuple[int, int], tuple[CodeType, CallSite]] = {}
_MOST_SITES = 4096


def _call_site(code: CodeType, module: str, instruction: int) -> CallSite:
    name = f"{module}.{getattr(code, 'co_qualname', code.co_name)}"
    known: dict[str, str | int] = {
        "code.function.name": name,
        "code.file.path": code.co_filename,
    }
    for start, end, line in code.co_lines():
        if start <= instruction < end and line is not None:
            known["code.line.number"] = line
    return CallSite(name, Common(known))


def calling_frame(frame: FrameType, passed_over: str) -> FrameType:
    """Return the first frame from `frame` outwards that is not in the package `passed_over`.

    `passed_over` is the client's: a class of the client that calls another one is not the
    application. The agent's frames are passed over too. Ends at the outermost frame.
    """
    while frame.f_back is not None:
        package = frame.f_globals.get("__name__", "").partition(".")[0]
        if package not in (passed_over, "autoinstrument"):
            break
        frame = frame.f_back
    return frame
