"""The agent's log lines about writes, for programs that configure logging."""

from __future__ import annotations

import json
import logging
import re
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from autoinstrument.process.limits import KEY, cut
from autoinstrument.process.settings import settings

from .records import speaking_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from autoinstrument.tracing.operation import Operation

_logger = logging.getLogger("autoinstrument")
_AT_ONCE = 10
_A_SECOND = 1.0
_WORD = re.compile(rf'[^\s"]{{1,{KEY}}}')


def wants_line(operation: Operation) -> bool:
    """Whether `AUTOINSTRUMENT_LOG` may ask for a line about this ended operation."""
    wanted = settings().log
    return wanted == "all" or (wanted == "failures" and operation.error_type is not None)


class LogLines:
    """Logs failed or all writes, as `AUTOINSTRUMENT_LOG` says: 10 at once, then one per second.

    What is beyond that is counted in the next line, or in a last one.
    """

    def __init__(self) -> None:
        self._left = float(_AT_ONCE)
        self._looked = time.monotonic()
        self._withheld = 0
        self._gravest = logging.NOTSET  # of what was withheld

    def tell(self, operations: Iterable[Operation]) -> None:
        """Log the ended operations that `AUTOINSTRUMENT_LOG` asks for.

        Only where the application has given its log a place: else Python would print each line.
        """
        wanted = settings().log
        if wanted == "off":
            return
        if wanted == "failures":
            operations = [each for each in operations if each.error_type is not None]
        told = [each for each in operations if each.is_write]
        if told and _logger.hasHandlers():
            for operation in told:
                self._tell(operation)

    def finish(self) -> None:
        """Log how many lines were left out since the last one."""
        if self._withheld:
            level = self._gravest
            _log(level, f"writes not logged since the last line: {self._counted()}")

    def _tell(self, operation: Operation) -> None:
        level = logging.INFO if operation.error_type is None else logging.ERROR
        if not _logger.isEnabledFor(level):
            return
        now = time.monotonic()
        self._left = min(float(_AT_ONCE), self._left + (now - self._looked) * _A_SECOND)
        self._looked = now
        if self._left < 1:
            self._withheld += 1
            self._gravest = max(self._gravest, level)
            return
        self._left -= 1
        with speaking_of(
            operation.trace_id,
            operation.span_id,
            _root_id(operation),
            sampled=bool(operation.flags & 1),
        ):
            _log(level, self._words(operation))

    def _words(self, operation: Operation) -> str:
        headers = operation.message_headers
        fields = {
            "topic": _word(operation.attributes["messaging.destination.name"]),
            "id": _word((headers.message_id if headers is not None else None) or "-"),
        }
        if operation.error_type is None:
            words = "[WriteKafka] write kafka success"
            fields["profile_root_span_id"] = f"{_root_id(operation):016x}"
        else:
            words = "send message to kafka error"
            fields["error"] = _quoted(f"{operation.error_type}: {operation.description}")
            fields["trace_id"] = f"{operation.trace_id:032x}"
            fields["profile_root_span_id"] = f"{_root_id(operation):016x}"
        if self._withheld:
            fields["not_logged_before"] = str(self._counted())
        return " ".join([words, *(f"{name}={value}" for name, value in fields.items())])

    def _counted(self) -> int:
        withheld, self._withheld, self._gravest = self._withheld, 0, logging.NOTSET
        return withheld


def _log(level: int, words: str) -> None:
    with suppress(Exception):  # of a handler or a filter of the application's
        _logger.log(level, "%s", words)


def _word(text: str) -> str:
    return text if _WORD.fullmatch(text) and text.isprintable() else _quoted(text)


def _quoted(text: str) -> str:
    """Return foreign words as JSON quotes them, with nothing that begins a line or that is unseen.

    JSON itself leaves DEL, the C1 controls, and what Unicode separates lines and reverses with.
    """
    quoted = json.dumps(cut(text, KEY), ensure_ascii=False)
    return "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in quoted)


def _root_id(operation: Operation) -> int:
    if operation.root is not None:
        return operation.root_id
    unit = getattr(operation, "unit", None)
    if unit is not None:
        span_id: int = unit.span_id
        return span_id
    return operation.parent.span_id if operation.parent is not None else operation.span_id
