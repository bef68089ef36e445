"""The recording is bounded, whoever writes it, and deletes nothing that is not its own."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NoReturn

import pytest

from autoinstrument.export.recording import Recording

if TYPE_CHECKING:
    from pathlib import Path

LINE = b'{"resourceSpans":[]}' + b" " * 79 + b"\n"
MOST = 8 * len(LINE)


@pytest.mark.parametrize(
    ("name", "is_file"),
    [
        ("rec.jsonl", True),
        ("rec.v1", True),
        ("rec", False),
        ("rec.v1/", False),
        ("there.v1", False),
        ("there", True),
    ],
)
def test_a_suffix_makes_a_file_and_a_slash_a_folder(
    tmp_path: Path, name: str, *, is_file: bool
) -> None:
    """What is there already is what it is."""
    (tmp_path / "there.v1").mkdir()
    (tmp_path / "there").touch()
    recording = Recording(f"{tmp_path}/{name}")
    assert recording.append(LINE)
    assert (tmp_path / name).is_file() == is_file
    assert (recording.path == tmp_path / name) == is_file


def earlier(folder: Path, number: int, lines: int = 1) -> Path:
    """Write what the run of that number has left; a higher number is a later run."""
    folder.mkdir(exist_ok=True)
    path = folder / f"20261124T0348{number:02}-4711.jsonl"
    path.write_bytes(LINE * lines)
    os.utime(path, (number, number))
    return path


def test_many_short_runs_in_a_folder_keep_within_the_bound(tmp_path: Path) -> None:
    """None of them fills a part; the oldest make room when the next one begins to write."""
    runs = [earlier(tmp_path, number) for number in range(16)]
    recording = Recording(str(tmp_path), MOST)
    assert recording.append(LINE)
    assert recording.path.exists()
    assert [run for run in runs if run.exists()] == runs[-7:]
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= MOST


def test_a_file_that_is_still_written_goes_last(tmp_path: Path) -> None:
    """Though it began before the others; where even it has to go, its process begins anew."""
    running = Recording(str(tmp_path / "all"), MOST)
    assert running.append(LINE)
    for number in range(16):
        earlier(tmp_path / "all", number)
    assert Recording(str(tmp_path / "all"), MOST).append(LINE)
    assert running.path.exists()
    running.path.unlink()
    assert running.append(LINE)
    assert running.path.read_bytes() == LINE


def test_nothing_is_deleted_that_is_not_the_agents(tmp_path: Path) -> None:
    """Neither another program's data nor what a name of ours points to, or is the folder of."""
    data = tmp_path / "data.jsonl"
    data.write_bytes(LINE * 100)
    link = tmp_path / "20261124T034800-1.jsonl"
    link.symlink_to(data)
    (tmp_path / "20261124T034800-2.jsonl").mkdir()
    before = set(tmp_path.iterdir())
    assert Recording(str(tmp_path), MOST).append(LINE)
    assert before <= set(tmp_path.iterdir())


def test_the_parts_of_a_file_are_its_own(tmp_path: Path) -> None:
    """A copy that somebody has made of it stays."""
    shared = tmp_path / "shared.jsonl"
    copy = tmp_path / "shared.jsonl.gz"
    copy.write_bytes(LINE * 100)
    recording = Recording(str(shared), MOST)
    for _ in range(20):
        assert recording.append(LINE)
    assert copy.exists()
    parts = [path for path in tmp_path.glob("shared.jsonl*") if path != copy]
    assert sum(path.stat().st_size for path in parts) <= MOST


def test_all_that_share_a_file_go_on_when_one_rotates_it(tmp_path: Path) -> None:
    """Each may find that another has done so between its look at the size and its own turn."""
    recordings = [Recording(str(tmp_path / "shared.jsonl"), MOST) for _ in range(8)]
    with ThreadPoolExecutor(len(recordings)) as pool:
        written = pool.map(lambda each: [each.append(LINE) for _ in range(200)], recordings)
        assert all(map(all, written))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
@pytest.mark.skipif(os.name == "nt", reason="Windows has no such locks")
def test_processes_that_share_a_file_leave_no_empty_lines(tmp_path: Path) -> None:
    """None sees half a line that another is just writing, and ends that.

    The test starts processes, since it is them whom a lock keeps apart.
    """
    path = tmp_path / "recording.jsonl"
    program = """
import sys
from autoinstrument.export.recording import Recording
recording = Recording(sys.argv[1], 10**9)
for _ in range(60):
    recording.append(b'{"resource' + b" " * 300_000 + b"}\\n")
"""
    command = [sys.executable, "-c", program, str(path)]
    writing = [subprocess.Popen(command) for _ in range(3)]
    assert [each.wait(60) for each in writing] == [0, 0, 0]
    lengths = [len(line) for line in path.read_bytes().splitlines()]
    assert lengths == [300_011] * 180


def test_what_is_no_file_is_no_recording(tmp_path: Path) -> None:
    """Nobody would read a pipe's other end: it is not waited for."""
    os.mkfifo(tmp_path / "pipe.jsonl")
    assert not Recording(str(tmp_path / "pipe.jsonl")).append(LINE)


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")
def test_a_part_that_may_not_be_deleted_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As another user's in a folder for all; the next one goes, and the line is written."""
    runs = [earlier(tmp_path, number) for number in range(9)]
    delete = type(tmp_path).unlink

    def unlink(path: Path, *, missing_ok: bool = False) -> None:
        if path == runs[0]:
            raise PermissionError
        delete(path, missing_ok=missing_ok)

    monkeypatch.setattr(type(tmp_path), "unlink", unlink)
    assert Recording(str(tmp_path), MOST).append(LINE)
    assert [run for run in runs if not run.exists()] == runs[1:3]


def test_a_folder_that_may_not_be_listed_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others may share it who are not to see each other's; root, as whom tests run, may."""

    def iterdir(_: Path) -> NoReturn:
        raise PermissionError

    monkeypatch.setattr(type(tmp_path), "iterdir", iterdir)
    assert Recording(str(tmp_path), MOST).append(LINE)
