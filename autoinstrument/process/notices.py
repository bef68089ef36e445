"""The agent's warnings: each has a slug and is logged once per process."""

from __future__ import annotations

TYPE_CHECKING = False  # as in the guard
if TYPE_CHECKING:
    from typing import Any

SLUGS = {
    "adapter-failed": "the adapter of another package failed; its client is not traced",
    "agent-failed": "a part of the agent failed; the application is not affected",
    "bad-setting": "an environment variable has an invalid value; its default is used",
    "client-unsupported": "this version of a client cannot be traced",
    "context-not-sent": "a message of a publisher of your own carries no trace context",
    "exporter-missing": "the configured exporter is not installed",
    "exporter-unusable": "the configured exporter does not accept its settings",
    "export-failed": "spans could not be exported and were dropped",
    "lost-at-exit": "messages had no answer when the program ended",
    "other-agent": "another agent traces the same writes; this agent leaves them to it",
    "recording-unwritable": "the recording cannot be written; spans are dropped",
    "spans-dropped": "spans were dropped, because the queue was full or another warning says why",
    "topic-unknown": "a call of a publisher of your own has no span, since its topic is not text",
}
_told: set[tuple[str, str]] = set()
_logging: Any = None


def tell(slug: str, text: str, about: str = "", *, more: str = "") -> None:
    """Log a warning: `text`, one sentence for the user, and the `slug` that it is known by.

    Once per process, or once for each thing that it is `about`; further lines are in `more`.
    """
    if (slug, about) in _told:
        return
    _told.add((slug, about))
    try:  # noqa: SIM105 - `logging` does not import contextlib on 3.10
        _get_logger()("autoinstrument").warning("autoinstrument: %s (%s)%s", text, slug, more)
    except Exception:  # noqa: BLE001, S110 - of a handler or a filter of the application's
        pass


def be_ready() -> None:
    """Be able to tell also when nothing can be imported any more."""
    _get_logger()


def _get_logger() -> Any:
    global _logging  # noqa: PLW0603 - imported once
    if _logging is None:
        import logging  # noqa: PLC0415 - 11 ms that only a process with a warning pays

        _logging = logging
    return _logging.getLogger
