"""`autoinstrument report --follow`: what a running service is writing."""

from __future__ import annotations

import shutil
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoinstrument.report.following import Following, Tail
from autoinstrument.report.wording import foreign

from . import screen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_INTERVAL = 1.0  # seconds: the agent writes as often


def follow(path: str) -> int:
    """Show what comes to the recording at `path` until Ctrl-C; 1 if it cannot come, or be shown.

    On a terminal the view is drawn over the last one; else one follows the other.
    """
    place = Path(path)
    if not (place.exists() or place.parent.is_dir()):
        sys.stderr.write(f"autoinstrument: there is no folder for `{foreign(path)}`.\n")
        return 1
    tail = Tail(path)
    with ExitStack() as stack:
        stack.callback(tail.close)
        draw = _drawn(stack)
        with suppress(KeyboardInterrupt):
            for view in _views(tail):
                code = _shown(view, draw)
                if code is not None:
                    return code
    return 0


def _views(tail: Tail) -> Iterator[str]:
    following = Following(time.time_ns())
    while True:
        for line in tail.lines():
            following.add(line)
        width = shutil.get_terminal_size((100, 24)).columns
        yield following.view(time.time_ns(), width)
        time.sleep(_INTERVAL)


def _shown(view: str, draw: Callable[[str], Any]) -> int | None:
    """Draw one view; return the exit code where no other can follow."""
    try:
        draw(view)
    except OSError as error:
        return screen.give_up(error)
    return None


def _drawn(stack: ExitStack) -> Callable[[str], Any]:
    if not screen.has_colours(sys.stdout):
        return lambda text: screen.write(f"{text}\n")
    from rich.live import Live  # noqa: PLC0415 - an extra
    from rich.text import Text  # noqa: PLC0415 - an extra

    live = stack.enter_context(Live(auto_refresh=False))
    return lambda text: live.update(Text(text, no_wrap=True), refresh=True)
