"""Units of work: what a write belongs to when the application has no span of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
    def name(self) -> str:
        """The function with its module; before Python 3.11 without the classes around it."""
        function = getattr(self.code, "co_qualname", self.code.co_name)
        return f"{self.module}.{function}"

    @property
    def line(self) -> int | None:
        """The line of the call."""
        for start, end, line in self.code.co_lines():
            if start <= self.instruction < end:
                return line
        return None

    @property
    def attributes(self) -> dict[str, str | int]:
        """OpenTelemetry's code attributes, semantic conventions v1.44.0."""
        known: dict[str, str | int] = {
            "code.function.name": self.name,
            "code.file.path": self.code.co_filename,
        }
        line = self.line
        return known if line is None else {**known, "code.line.number": line}


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
