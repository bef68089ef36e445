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
    "exporter-unloadable": "the configured exporter is installed, but this Python cannot load it",
    "exporter-unusable": "the configured exporter does not accept its settings",
    "export-failed": "spans could not be exported and were dropped",
    "export-recovered": "spans are exported again, after some were dropped",
    "lost-at-exit": "messages had no answer when the program ended",
    "other-agent": "another agent traces the same writes; this agent leaves them to it",
    "part-unsupported": "a part of the agent stands aside, for want of an internal name of others",
    "recording-unwritable": "the recording cannot be written; spans are dropped",
    "spans-dropped": "spans were dropped, because the queue was full or another warning says why",
    "topic-unknown": "a call of a publisher of your own has no span, since its topic is not text",
}
_told: set[tuple[str, str]] = set()
_needed: tuple[Any, Any] | None = None


def waiting(count: int) -> str:
    """Return that so many operations wait for their export."""
    return "1 operation waits" if count == 1 else f"{count} operations wait"


def tell(slug: str, text: str, about: str = "", *, more: str = "") -> bool:
    """Log a warning: `text`, one sentence for the user, and the `slug` that it is known by.

    Once per process, or once for each thing that it is `about`: returns whether this is that once.
    Further lines are in `more`.
    """
    if (slug, about) in _told:
        return False
    _told.add((slug, about))
    try:
        get_logger, cut = be_ready()
        get_logger("autoinstrument").warning("autoinstrument: %s (%s)%s", cut(text), slug, more)
    except Exception:  # noqa: BLE001, S110 - of a handler or a filter of the application's
        pass
    return True


def forget() -> None:
    """Tell again what has been told, for who listens only from now on."""
    _told.clear()


def be_ready() -> tuple[Any, Any]:
    """Import what telling takes, for when nothing can be imported any more; return it."""
    global _needed  # noqa: PLW0603 - imported once
    if _needed is None:
        import logging  # noqa: PLC0415 - 11 ms that only a process with a warning pays

        from .limits import cut  # noqa: PLC0415 - as above

        _needed = logging.getLogger, cut
    return _needed
