"""The recording: a file of OTLP/JSON lines, private, bounded, rotated."""

from __future__ import annotations

import errno
import os
import time
from io import FileIO
from pathlib import Path

from ._notices import tell

DEFAULT_FOLDER = ".autoinstrument"
_MOST_BYTES = 64 * 1024 * 1024  # of all recordings in a folder
_PARTS = 8  # a file is rotated when it holds this share of the whole
BEGINNING = b'{"resource'


class Recording:
    """Appends lines to a file, which are there when `append` returns.

    `where` is a file, which all processes that are told so append to, or a folder, in which each
    process has a file of its own. At most `most_bytes` are kept: the oldest part is deleted first.
    """

    def __init__(self, where: str | None = None, most_bytes: int = _MOST_BYTES) -> None:
        path = Path(where or DEFAULT_FOLDER).absolute()
        self._in_folder = path.is_dir() or not path.suffix
        self.path = path / _own_name() if self._in_folder else path
        self._most_bytes = most_bytes
        self._usable = True

    def append(self, line: bytes) -> bool:
        """Write one line; False when it could not be written, of which the first is told."""
        if not self._usable:
            return False
        try:
            self._append(line)
        except OSError as error:
            self._usable = False
            tell("recording-unwritable", f"{self.path} cannot be written: {error.strerror}")
            return False
        return True

    def shutdown(self) -> None:
        """Do nothing: each line is in the file already."""

    def _append(self, line: bytes) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
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
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
        file = FileIO(os.open(self.path, flags, 0o600), "r+")
        if file.read(len(BEGINNING)) not in (b"", BEGINNING):
            file.close()
            raise FileExistsError(errno.EEXIST, "it is another file, not a recording")
        return file

    def _rotate(self) -> None:
        self.path.rename(self.path.with_name(f"{self.path.name}.{time.time_ns()}"))
        pattern = "*.jsonl*" if self._in_folder else f"{self.path.name}.*"
        parts = sorted(self.path.parent.glob(pattern), key=lambda part: part.stat().st_mtime)
        total = sum(part.stat().st_size for part in parts)
        for part in parts:
            if total <= self._most_bytes * (_PARTS - 1) // _PARTS:
                break
            total -= part.stat().st_size
            part.unlink()


def _write(file: FileIO, line: bytes) -> None:
    # Where a process was killed in the midst of writing, or the disk was full, half a line is left.
    file.seek(max(0, file.seek(0, os.SEEK_END) - 1))
    rest = line if file.read(1) in (b"", b"\n") else b"\n" + line
    while rest:  # a disk that fills up takes a part, and refuses only the rest
        rest = rest[file.write(rest) :]


def _own_name() -> str:
    return f"{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}.jsonl"
