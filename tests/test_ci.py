"""CI is not red by chance, is green for nothing that fails, and comes to its end."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from interpreters import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(sys.platform != "linux", reason="CI is written for Linux"),
]

_BEGINNING = """
import os, pathlib, pytest
alone = os.environ["PYTEST_XDIST_WORKER_COUNT"] == "1"
"""


def test_what_passes_alone_is_named_and_green(tmp_path: Path) -> None:
    """A failure, and a worker that crashed; the last line is pytest's, of the run that passed."""
    ended = _tests(
        tmp_path,
        """
def test_that_passes(): assert not alone
def test_that_fails_in_company(): assert alone
def test_that_crashes_in_company(): alone or os._exit(1)
""",
    )
    assert ended.returncode == 0, ended.stdout
    assert _flaky(ended.stdout) == [
        "inner: test_inner.py::test_that_crashes_in_company",
        "inner: test_inner.py::test_that_fails_in_company",
    ]
    assert ended.stdout.splitlines()[-1].startswith("2 passed in ")


def test_what_fails_three_times_is_red(tmp_path: Path) -> None:
    """Once in company and twice alone; what else passes alone is named all the same."""
    ended = _tests(
        tmp_path,
        """
def test_that_fails_in_company(): assert alone
def test_that_fails():
    with pathlib.Path("times").open("a") as times: print(alone, file=times)
    assert False
""",
    )
    assert ended.returncode == 1
    assert _flaky(ended.stdout) == ["inner: test_inner.py::test_that_fails_in_company"]
    assert ended.stdout.splitlines()[-1].startswith("1 failed in ")
    assert (tmp_path / "times").read_text().split() == ["False", "True", "True"]


@pytest.mark.parametrize(
    "test",
    [
        "@pytest.mark.parametrize('n', range(40))\ndef test(n): assert alone",
        "import nothing",
        "",
    ],
    ids=["many failures", "a module that cannot be imported", "no tests"],
)
def test_what_is_no_chance_is_red_at_once(tmp_path: Path, test: str) -> None:
    """Nothing runs again."""
    ended = _tests(tmp_path, test)
    assert ended.returncode == 1
    assert "again" not in ended.stdout
    assert " in " in ended.stdout.splitlines()[-1]


def test_a_failure_has_the_last_word(tmp_path: Path) -> None:
    """Whatever passes after it."""
    ended = _stages(tmp_path, "stage 9 one words '1 failed' 1", "stage 9 other words '2 passed' 0")
    assert (ended.returncode, ended.stdout.splitlines()[-1]) == (1, "1 failed")


def test_a_stage_ends_at_half_as_much_again_as_its_budget(tmp_path: Path) -> None:
    """With all that it has started, and red; one that is merely late is told of."""
    ended = _stages(
        tmp_path,
        "stage 1 hanging sh -c 'sleep 60 & echo $! > sleeping; wait'",
        "stage 6 slow sleep 7",
    )
    assert ended.returncode == 1
    assert ended.stdout.splitlines()[-1].startswith("killed after ")
    hanging, slow, _ = ended.stdout.partition("== results\n")[2].splitlines()[:3]
    assert "FAILED" in hanging
    assert "passed" in slow
    assert "over its budget" in slow
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "sleeping").read_text()), 0)


def _tests(folder: Path, test: str) -> subprocess.CompletedProcess[str]:
    """Run the tests of one file as CI does, in a stage "inner" with two workers."""
    (folder / "test_inner.py").write_text(_BEGINNING + test)
    return _stages(folder, f"stage 60 inner pytests '{sys.executable}' -q -p xdist.plugin")


def _stages(folder: Path, *stages: str) -> subprocess.CompletedProcess[str]:
    """Run stages in `folder` as CI does."""
    lines = [
        f". '{REPOSITORY / '.ci' / 'stages.sh'}'",
        f"cd '{folder}'",
        'words() { echo "$1" > "$report"; return "$2"; }',
        *stages,
        "conclude",
    ]
    return subprocess.run(
        ["/bin/bash", "-c", "\n".join(lines)],
        env={
            **os.environ,
            "PYTEST_XDIST_AUTO_NUM_WORKERS": "2",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # takes seconds
        },
        stdout=subprocess.PIPE,
        text=True,
        timeout=100,
        check=False,
    )


def _flaky(said: str) -> list[str]:
    return said.partition("\n== flaky\n")[2].partition("\n\n")[0].splitlines()
