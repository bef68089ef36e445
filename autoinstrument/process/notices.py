"""What the agent has to tell: warnings with a slug, each told once a process."""

from __future__ import annotations

from contextlib import suppress

SLUGS = {
    "agent-failed": "a part of the agent failed; the application is not affected",
    "bad-setting": "an environment variable has a value that is not accepted; its default is used",
    "client-unsupported": "this version of a client cannot be traced",
    "exporter-missing": "the exporter that was asked for is not installed",
    "exporter-unusable": "the exporter that was asked for does not accept its settings",
    "export-failed": "spans could not be exported and were dropped",
    "lost-at-exit": "messages were still unanswered when the program ended",
    "other-agent": "another instrumentation traces the same writes; ours stands aside",
    "recording-unwritable": "the recording cannot be written; spans are dropped",
    "spans-dropped": "more spans were waiting than the queue holds; the excess was dropped",
}
_told: set[tuple[str, str]] = set()


def tell(slug: str, text: str, about: str = "", *, error: BaseException | None = None) -> None:
    """Log a warning: `text`, one sentence for the user, and the `slug` that it is known by.

    Told once a process, or once for each thing that it is `about`; with the traceback of `error`.
    """
    if (slug, about) in _told:
        return
    _told.add((slug, about))
    import logging  # noqa: PLC0415 - 11 ms that only a process with a warning pays

    with suppress(Exception):  # of a handler or a filter of the application's
        logging.getLogger("autoinstrument").warning(
            "autoinstrument: %s (%s)", text, slug, exc_info=error
        )
