"""The warnings that the agent logs during the examination."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from autoinstrument.process.notices import SLUGS, forget
from autoinstrument.process.settings import settings

from .line import Line, Status, without_secrets

if TYPE_CHECKING:
    from collections.abc import Iterator

_MILD: dict[str, Status] = {
    "bad-setting": "warning",
    "other-agent": "warning",
    "part-unsupported": "warning",
}
_REMEDIES = {
    "adapter-failed": "Correct or remove the package that the adapter comes from:"
    " `autoinstrument help adapters` says what an adapter must have.",
    "agent-failed": "Reinstall the agent with pip and --force-reinstall. If that does not help,"
    " please report a bug, with this output.",
    "bad-setting": "Correct or remove the variable.",
    "client-unsupported": "Install a version of the client that the adapter supports.",
    "exporter-missing": "Correct the name, or install it with the service's own pip.",
    "exporter-unloadable": "Install it with the pip of the service's interpreter."
    " OTLP over HTTP needs nothing compiled: OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf.",
    "exporter-unusable": "Correct the OTEL_EXPORTER_* variables.",
    "other-agent": "Turn off the Kafka tracing of one of the two.",
    "part-unsupported": "Upgrade the agent, or install an earlier version of what is named.",
}


class Notice(NamedTuple):
    """One warning of the agent: its sentence and its slug."""

    text: str
    slug: str

    @property
    def line(self) -> Line:
        """The notice as a line of the examination."""
        what = without_secrets(self.text)
        why = SLUGS.get(self.slug, "")
        return Line(
            _MILD.get(self.slug, "problem"),
            self.slug,
            what,
            f"{why[:1].upper()}{why[1:]}." if why else "",
            _REMEDIES.get(self.slug, ""),
        )


@contextmanager
def collected() -> Iterator[list[Notice]]:
    """Collect the warnings that the agent logs within the block, those of its start included."""
    forget()
    settings.cache_clear()
    collecting = _Collecting()
    logger = logging.getLogger("autoinstrument")
    logger.addHandler(collecting)
    try:
        yield collecting.notices
    finally:
        logger.removeHandler(collecting)


class _Collecting(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.notices: list[Notice] = []

    def emit(self, record: logging.LogRecord) -> None:
        if isinstance(record.args, tuple) and len(record.args) > len(Notice._fields):
            text, slug, _ = map(str, record.args)
            self.notices.append(Notice(text, slug))
