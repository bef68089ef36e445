"""Output on a terminal: colours and a progress bar, if rich is installed."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from autoinstrument.report.reading import NotARecording, recording_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_WORTH_A_BAR = 32 << 20
_WIDEST = 120
_STYLES = {
    r"(?m)^  [a-z-]+(?=: )|(?<=^Findings above: )[a-z, -]+": "bold red",
    r"(?m)^    Fix:": "bold green",
    r"(?m)^(Findings|Pipeline|Failures by cause|Slowest .*|Last failed writes)$": "bold",
    r"\b[0-9a-f]{32}\b": "cyan",
    r"\b[A-Z]+(_[A-Z]+)+\b|\bfailed$|(?<=, )[0-9,]+ failed\b": "red",
    r"[▁▂▃▄▅▆▇█]+": "cyan",
}


def show(text: str, *, coloured: bool = True) -> int:
    """Write `text` to stdout; return 0, or 1 with a sentence on stderr if there is no room for it.

    A reader that has seen enough ends it quietly.
    """
    return _show(text, _paint if coloured else None)


def show_markdown(text: str, columns: int) -> int:
    """Write a Markdown document to stdout, laid out on a terminal; return as `show` does."""
    width = min(columns, _WIDEST)

    def lay_out(text: str) -> None:
        from rich.console import Console  # noqa: PLC0415 - an extra
        from rich.markdown import Markdown  # noqa: PLC0415 - an extra
        from rich.theme import Theme  # noqa: PLC0415 - an extra

        theme = Theme({"markdown.code": "cyan"})  # rich's own has a black background
        Console(width=width, theme=theme).print(Markdown(text))

    return _show(text, lay_out)


def _show(text: str, draw: Callable[[str], None] | None) -> int:
    try:
        if draw is not None and has_colours(sys.stdout):
            draw(text)
            sys.stdout.flush()
        else:
            write(text)
    except OSError as error:
        return give_up(error)
    return 0


def write(text: str) -> None:
    """Write `text` to stdout at once; a letter that the stream cannot hold is escaped.

    The C locale's has only those of ASCII.
    """
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
    sys.stdout.flush()


def give_up(error: OSError) -> int:
    """Write no more to stdout, where that has failed; return the exit code, as `show` does."""
    # https://docs.python.org/3/library/signal.html#note-on-sigpipe
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):
        return 0
    sys.stderr.write(f"autoinstrument: stdout cannot be written: {error.strerror}.\n")
    return 1


def has_colours(stream: TextIO) -> bool:
    """Whether `stream` is a terminal, and rich is there to draw on it."""
    if not stream.isatty():
        return False
    try:
        import rich  # noqa: F401, PLC0415 - an extra
    except ImportError:
        return False
    return True


def _paint(text: str) -> None:
    from rich.console import Console  # noqa: PLC0415 - an extra
    from rich.text import Text  # noqa: PLC0415 - an extra

    painted = Text(text.rstrip("\n"))
    for pattern, style in _STYLES.items():
        painted.highlight_regex(pattern, style)
    Console(highlight=False, soft_wrap=True).print(painted)


@contextmanager
def progress(path: str) -> Iterator[Callable[[int], None]]:
    """Give what takes the bytes read of a recording, shown on stderr if there are many."""
    try:
        whole = sum(Path(file).stat().st_size for file in recording_files(path))
    except (OSError, NotARecording):  # which reading will say
        whole = 0
    if whole < _WORTH_A_BAR or not has_colours(sys.stderr):
        yield lambda _: None
        return
    from rich.console import Console  # noqa: PLC0415 - an extra
    from rich.progress import Progress  # noqa: PLC0415 - an extra

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Reading", total=whole)
        yield lambda read: bar.update(task, advance=read)
