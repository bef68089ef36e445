"""Where the layer tells what it does: an adapter with levels and fields."""

from __future__ import annotations

import sys
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TextIO

if TYPE_CHECKING:
    from collections.abc import Mapping


class LoggerAdapter(Protocol):
    """Four levels of words with fields; `finest` is for each single message."""

    def error(self, words: str, error: BaseException, fields: Mapping[str, Any] = ...) -> None:
        """Tell of a failure."""
        ...

    def info(self, words: str, fields: Mapping[str, Any] = ...) -> None:
        """Tell of something that happens now and then."""
        ...

    def debug(self, words: str, fields: Mapping[str, Any] = ...) -> None:
        """Tell of something that helps to find a fault."""
        ...

    def finest(self, words: str, fields: Mapping[str, Any] = ...) -> None:
        """Tell of something that happens with each message."""
        ...

    def with_fields(self, fields: Mapping[str, Any]) -> LoggerAdapter:
        """Return one that adds `fields` to each line."""
        ...


class _Lines:
    """What the adapters here have in common; they differ in what becomes of an entry."""

    def __init__(self, fields: Mapping[str, Any] | None = None) -> None:
        self._fields = dict(fields or {})

    def error(self, words: str, error: BaseException, fields: Mapping[str, Any] = {}) -> None:
        self._tell("ERROR", words, {**fields, "err": error})

    def info(self, words: str, fields: Mapping[str, Any] = {}) -> None:
        self._tell("INFO", words, fields)

    def debug(self, words: str, fields: Mapping[str, Any] = {}) -> None:
        self._tell("DEBUG", words, fields)

    def finest(self, words: str, fields: Mapping[str, Any] = {}) -> None:
        self._tell("FINEST", words, fields)

    def _tell(self, level: str, words: str, fields: Mapping[str, Any]) -> None:
        raise NotImplementedError


class NopLogger(_Lines):
    """Tells nobody."""

    def with_fields(self, fields: Mapping[str, Any]) -> NopLogger:  # noqa: ARG002 - nobody hears
        """Return itself."""
        return self

    def _tell(self, level: str, words: str, fields: Mapping[str, Any]) -> None:
        pass


class StdLogger(_Lines):
    """Writes lines to stderr: `[watermill] 2026/11/24 03:20:11.123456 level=INFO msg="..." k=v`."""

    def __init__(
        self,
        *,
        debug: bool = False,
        finest: bool = False,
        stream: TextIO | None = None,
        fields: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(fields)
        self._levels = {"ERROR", "INFO"}
        self._levels |= {"DEBUG"} if debug else set()
        self._levels |= {"FINEST"} if finest else set()
        self._options: dict[str, Any] = {"debug": debug, "finest": finest, "stream": stream}
        self._stream = stream

    def with_fields(self, fields: Mapping[str, Any]) -> StdLogger:
        """Return one that adds `fields` to each line."""
        return StdLogger(fields={**self._fields, **fields}, **self._options)

    def _tell(self, level: str, words: str, fields: Mapping[str, Any]) -> None:
        if level not in self._levels:
            return
        now = datetime.now(timezone.utc)
        both = {**self._fields, **fields}
        told = "".join(f" {name}={_quoted(str(both[name]))}" for name in sorted(both))
        line = f'[watermill] {now:%Y/%m/%d %H:%M:%S.%f} level={level} msg="{words}"{told}\n'
        (self._stream or sys.stderr).write(line)


class Entry(NamedTuple):
    """What was told."""

    level: str
    words: str
    fields: dict[str, Any]


class CaptureLogger(_Lines):
    """Keeps what it is told, for tests."""

    def __init__(
        self, fields: Mapping[str, Any] | None = None, entries: list[Entry] | None = None
    ) -> None:
        super().__init__(fields)
        self.entries: list[Entry] = [] if entries is None else entries

    def with_fields(self, fields: Mapping[str, Any]) -> CaptureLogger:
        """Return one that adds `fields` and keeps its entries in the same place."""
        return CaptureLogger({**self._fields, **fields}, self.entries)

    def _tell(self, level: str, words: str, fields: Mapping[str, Any]) -> None:
        self.entries.append(Entry(level, words, {**self._fields, **fields}))


def _quoted(text: str) -> str:
    return f'"{text}"' if " " in text else text
