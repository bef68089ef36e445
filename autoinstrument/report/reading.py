"""Reads the spans of a recording, one line at a time."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from .cost import Costs
from .span import Source, Span, decode, source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_NAME = re.compile(r".*\.jsonl(\.[0-9]+)?", re.DOTALL)
_LONGEST_COUNT = 9
_LONGEST_LINE = 16 << 20
_SIGNALS = ("resourceSpans", "resourceMetrics", "resourceLogs")


class NotARecording(Exception):  # noqa: N818 - it is an answer to the user, not a mishap
    """There is nothing to report on; the message is one sentence for the user."""


@dataclass
class Tally:
    """Counts of what was read so far."""

    lines: int = 0
    """Export requests, of any signal."""
    spans: int = 0
    lines_not_understood: int = 0
    spans_not_understood: int = 0
    files_not_read: int = 0
    reason: str = ""
    """Why the last of them could not be read, from the operating system."""
    costs: Costs = field(default_factory=Costs)


def recording_files(path: str) -> tuple[Path, ...]:
    """Return the files of the recording at `path`, by name, rotated ones first.

    A file is itself and its rotated siblings (`name.jsonl.1`, and the OpenTelemetry Collector's
    `name-2025-11-23T16-10-02.123.jsonl`); a folder is every `*.jsonl` and rotated `*.jsonl.1` in it
    and in its subfolders. Raises `NotARecording`.
    """
    place = Path(path)
    try:
        if place.is_dir():
            found = sorted(_files_in(place), key=_oldest_first)
        else:
            rotated = re.compile(
                rf"{re.escape(place.name)}\.[0-9]+"
                rf"|{re.escape(place.stem)}-[0-9T.-]{{23}}{re.escape(place.suffix)}"
            )
            found = sorted(
                (each for each in _siblings(place) if rotated.fullmatch(each.name)),
                key=_oldest_first,
            )
            found += [place] if place.is_file() else []
    except OSError as error:
        raise NotARecording(f"`{path}` cannot be read: {error.strerror}") from error
    if found:
        return tuple(found)
    if place.is_dir():
        raise NotARecording(
            f"`{path}` has no recording: expected files named *.jsonl in it or in its subfolders"
        )
    if place.exists():
        raise NotARecording(f"`{path}` is neither a file nor a folder")
    raise NotARecording(
        f"there is no recording at `{path}`: expected a file or folder that"
        " `autoinstrument run -- COMMAND` has written"
    )


def _oldest_first(file: Path) -> tuple[str, int]:
    name, _, rotation = str(file).rpartition(".")
    if not rotation.isdecimal():
        return str(file), 0
    # The agent appends the time of the rotation; other writers count, and 1 is the newest.
    place = int(rotation) - (1 << 64) if len(rotation) > _LONGEST_COUNT else -int(rotation)
    return name, place


def _files_in(folder: Path) -> Iterator[Path]:
    for pattern in ("*", "*/*"):
        for file in folder.glob(pattern):
            if _NAME.fullmatch(file.name) and file.is_file():
                yield file


def _siblings(file: Path) -> Iterator[Path]:
    return file.parent.iterdir() if file.parent.is_dir() else iter(())


def spans(
    files: Iterable[Path],
    tally: Tally,
    *,
    mentioning: frozenset[str] | None = None,
    only: Callable[[str, str], bool] | None = None,
    watch: Callable[[int], None] = lambda _: None,
) -> Iterator[Span]:
    """Yield the spans of `files`, and count in `tally` what could not be read; never raises.

    Two filters save most of the work on spans that are not wanted. `mentioning` is a set of ids in
    lower case: lines without any of them are skipped, and not counted. `only` gets the trace and
    span id in lower case, and says whether the span is wanted. `watch` is called with the number of
    bytes of each line.
    """
    wanted = None if mentioning is None else [name.encode() for name in mentioning]
    for file in files:
        for line in _lines(file, tally):
            watch(len(line))
            if wanted is None or _mentions(line, wanted):
                yield from spans_in(line, tally, only)


def _lines(path: Path, tally: Tally) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            yield from _bounded_lines(file)
    except OSError as error:  # deleted since it was listed, or not readable
        tally.files_not_read += 1
        tally.reason = str(error.strerror)


def _bounded_lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield the lines that are not blank; a line that is too long becomes malformed JSON."""
    while line := file.readline(_LONGEST_LINE):
        rest = line
        while len(rest) == _LONGEST_LINE and not rest.endswith(b"\n"):
            rest = file.readline(_LONGEST_LINE)
        if not line.isspace():
            yield line if rest is line else b"?"


def _mentions(line: bytes, wanted: list[bytes]) -> bool:
    lowered = line.lower()
    return any(name in lowered for name in wanted)


def spans_in(
    line: bytes, tally: Tally, only: Callable[[str, str], bool] | None = None
) -> Iterator[Span]:
    """Yield the spans of one line, and count in `tally` what could not be read; never raises."""
    try:
        request = json.loads(line.decode("utf-8-sig", "replace"))
        understood = any(
            isinstance(request[signal], list) for signal in _SIGNALS if signal in request
        )
    # Valid JSON with a few thousand levels exceeds the recursion limit.
    except (ValueError, TypeError, RecursionError):
        understood = False
    if not understood:
        tally.lines_not_understood += 1
        return
    tally.lines += 1
    tally.costs.add(request.get("resourceMetrics"))
    for described, origin in _encoded_spans(request.get("resourceSpans", []), tally):
        if only is not None and not _is_chosen(described, only):
            continue
        span = decode(described, origin)
        if span is None:
            tally.spans_not_understood += 1
        else:
            tally.spans += 1
            yield span


def _is_chosen(span: Any, only: Callable[[str, str], bool]) -> bool:
    if not isinstance(span, dict):
        return False
    return only(str(span.get("traceId")).lower(), str(span.get("spanId")).lower())


def _encoded_spans(resources: Any, tally: Tally) -> Iterator[tuple[Any, Source]]:
    """Yield each span, still encoded and perhaps malformed, with its source."""
    for resource in resources if isinstance(resources, list) else ():
        for scope in _members(resource, "scopeSpans", tally):
            origin = source(resource.get("resource"), scope)
            for span in _members(scope, "spans", tally):
                yield span, origin


def _members(group: Any, name: str, tally: Tally) -> list[Any]:
    """Return the members of a group; a malformed group counts as one malformed span."""
    members = (group.get(name) or []) if isinstance(group, dict) else None
    if isinstance(members, list):
        return members
    tally.spans_not_understood += 1
    return []
