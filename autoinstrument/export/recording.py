"""The recording: a file of OTLP/JSON lines, private, bounded, rotated."""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
import time
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING

from autoinstrument.process.notices import tell

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT_FOLDER = os.environ.get("AUTOINSTRUMENT_FOLDER") or ".autoinstrument"
"""Where nobody has said otherwise; `autoinstrument run` names that of its own directory."""
_MOST_BYTES = 64 * 1024 * 1024  # of all recordings in a folder
_PARTS = 8  # a file is rotated when it holds this share of the whole
_SEPARATORS = tuple(filter(None, (os.sep, os.altsep)))
_OWN_NAME = re.compile(r"\d{8}T\d{6}-\d+\.jsonl(\.\d+)?")
BEGINNING = b'{"resource'


class Recording:
    """Appends lines to a file, which are there when `append` returns.

    `where` is a file, which all processes that are told so append to, or a folder, in which each
    process has a file of its own: one that is there, else a name without a suffix, or one with a
    separator at its end. At most `most_bytes` are kept: the oldest part is deleted first,
    when a process begins to write and when it has filled a part.
    """

    def __init__(self, where: str | None = None, most_bytes: int = _MOST_BYTES) -> None:
        where = where or DEFAULT_FOLDER
        path = _absolute(Path(where))
        # Not by `Path`, which raises of a name that is too long, or that must not be looked at.
        in_folder = os.path.isdir(path) if os.path.exists(path) else not path.suffix  # noqa: PTH110, PTH112 - see above
        in_folder = in_folder or where.endswith(_SEPARATORS)
        self.place = path
        """The file or the folder."""
        self.path = path / _own_name() if in_folder else path
        rotated = re.compile(rf"{re.escape(path.name)}\.\d+")
        self._part_name = _OWN_NAME if in_folder else rotated
        self._most_bytes = most_bytes
        self._begun = False
        self._usable = True

    def append(self, line: bytes) -> bool:
        """Write one line; False when it could not be written, of which the first is told."""
        if not self._usable:
            return False
        try:
            self._append(line)
        except OSError as error:
            self._usable = False
            words = f"{self.path} cannot be written: {error.strerror}"
            tell("recording-unwritable", f"{words}; its spans are dropped")
            return False
        return True

    def shutdown(self) -> None:
        """Do nothing: each line is in the file already."""

    def _append(self, line: bytes) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if not self._begun:  # those before may have ended before they had filled a part
            self._begun = True
            self._make_room()
        # Opened for each batch: another process may have rotated the file, the user deleted it.
        with self._open() as file:
            size = os.fstat(file.fileno()).st_size
            if size == 0 or size + len(line) <= self._most_bytes // _PARTS:
                _write(file, line)
                return
        self._rotate()
        with self._open() as file:
            _write(file, line)

    def _open(self) -> FileIO:
        # Windows would write \r\n without O_BINARY, which no other system has.
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        file = FileIO(os.open(self.path, flags, 0o600), "r+")
        is_file = stat.S_ISREG(os.fstat(file.fileno()).st_mode)  # a pipe would be waited for
        if is_file and file.read(len(BEGINNING)) in (b"", BEGINNING):
            return file
        file.close()
        raise FileExistsError(errno.EEXIST, "it exists and is not a recording")

    def _rotate(self) -> None:
        with suppress(FileNotFoundError):  # another process that shares it has done so just now
            self.path.rename(self.path.with_name(f"{self.path.name}.{time.time_ns()}"))
        self._make_room()

    def _make_room(self) -> None:
        """Delete the oldest parts until another one has room.

        A part that another process still writes is among the newest; where it has to go, that
        process begins a new one with its next line.
        """
        parts: list[tuple[int, int, Path]] = []
        with suppress(PermissionError):  # a folder may be there to write, and not to list
            parts = sorted(self._parts())
        total = sum(size for _, size, _ in parts)
        for _, size, part in parts:
            if total <= self._most_bytes * (_PARTS - 1) // _PARTS:
                break
            with suppress(PermissionError):  # another user's
                part.unlink(missing_ok=True)
                total -= size

    def _parts(self) -> Iterator[tuple[int, int, Path]]:
        """Yield when each part of this recording was last written, its size, and the file.

        What has no name of ours, or is no file, is somebody else's.
        """
        for path in self.path.parent.iterdir():
            if self._part_name.fullmatch(path.name):
                with suppress(FileNotFoundError):  # another process makes room as well
                    seen = path.lstat()
                    if stat.S_ISREG(seen.st_mode):
                        yield seen.st_mtime_ns, seen.st_size, path


def _write(file: FileIO, line: bytes) -> None:
    _lock(file)
    # Where a process was killed in the midst of writing, or the disk was full, half a line is left.
    file.seek(max(0, file.seek(0, os.SEEK_END) - 1))
    rest = line if file.read(1) in (b"", b"\n") else b"\n" + line
    while rest:  # a disk that fills up takes a part, and refuses only the rest
        rest = rest[file.write(rest) :]


def _lock(file: FileIO) -> None:
    """Let no other process write until `file` is closed: half of what it writes could be seen."""
    if sys.platform != "win32":
        with suppress(OSError):  # a network's file system may have no locks
            fcntl.lockf(file, fcntl.LOCK_EX)


def _absolute(path: Path) -> Path:
    try:
        return path.absolute()
    except FileNotFoundError:  # the current directory has been deleted: writing will tell
        return path


def _own_name() -> str:
    return f"{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}.jsonl"
