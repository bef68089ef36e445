"""The wheel is what a user gets: the agent starts from it, and nothing stays behind."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest
from interpreters import HOOKED, ON, REPOSITORY, Interpreter, build_options

if TYPE_CHECKING:
    from pathlib import Path

_SAY_HOOKED = f"{HOOKED}print(hooked)"


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    """Give the names of all files in the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_start_file_is_at_the_root(names: set[str]) -> None:
    """There it lands in site-packages, where the interpreter reads it; nothing else does.

    A `.start` file beside it would cost Python 3.15 some imports where the agent is off.
    """
    top = {name.partition("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == {
        "autoinstrument",
        "autoinstrument.pth",
    }


def test_the_wheel_has_the_startup_folder_and_the_examples(names: set[str]) -> None:
    """`run` puts the one on the path, `demo` runs the others; no `__init__.py` is in either.

    The example of an adapter is a package of its own.
    """
    beside = {name for name in names if name.startswith("autoinstrument/_startup/")}
    assert beside == {"autoinstrument/_startup/sitecustomize.py"}
    examples = {path.relative_to(REPOSITORY) for path in (REPOSITORY / "examples").rglob("*.py")}
    examples = {path for path in examples if "adapter_plugin" not in path.parts}
    packed = {name for name in names if name.startswith("autoinstrument/_examples/")}
    assert packed == {f"autoinstrument/_{path.as_posix()}" for path in examples}


def test_the_wheel_has_types_and_a_licence_and_no_tests(names: set[str]) -> None:
    """What a user's type checker and lawyer look for; the contract is for others' adapters."""
    assert "autoinstrument/py.typed" in names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    assert "autoinstrument/testing/contract.py" in names
    ours = {name for name in names if not name.startswith("autoinstrument/testing/")}
    assert not [name for name in ours if "test" in name]


def test_the_pth_is_one_line_that_the_interpreter_executes(wheel: Path) -> None:
    """A line that does not begin with `import` would be taken for a folder."""
    with zipfile.ZipFile(wheel) as archive:
        (line,) = archive.read("autoinstrument.pth").decode("ascii").splitlines()
    assert line.startswith("import os; ")


@pytest.mark.smoke
def test_uninstalling_leaves_nothing(bare: Interpreter, wheel: Path, tmp_path: Path) -> None:
    """Neither a file nor a word at the next start; pip is what takes it away."""
    own = bare.copy(tmp_path / "own")
    before = set(own.site.iterdir())
    own.install(wheel)
    assert own.run("-c", _SAY_HOOKED, **ON).stdout == "True\n"
    own.pip("uninstall", "--yes", "autoinstrument")
    assert set(own.site.iterdir()) == before
    ended = own.run("-c", _SAY_HOOKED, **ON)
    assert (ended.stdout, ended.stderr) == ("False\n", "")


def test_an_editable_installation_starts_too(bare: Interpreter, tmp_path: Path) -> None:
    """By its `.pth`, and under `run` by the folder in the repository."""
    editable = bare.copy(tmp_path / "editable")
    editable.install(*build_options(), "--editable", REPOSITORY)
    assert editable.run("-c", _SAY_HOOKED, **ON).stdout == "True\n"
    ended = editable.run_command(
        editable.scripts / "autoinstrument", "run", "--", editable.path, "-c", _SAY_HOOKED
    )
    assert (ended.stdout, ended.stderr) == ("True\n", "")


@pytest.mark.slow
def test_a_user_installs_the_wheel_and_sets_a_variable(wheel: Path, tmp_path: Path) -> None:
    """Nothing but venv and pip, with the dependencies from the package index."""
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    user = Interpreter.of(tmp_path / "venv")
    subprocess.run([user.path, "-m", "pip", "--quiet", "install", wheel], check=True)
    ended = user.run("-I", "-c", f"{_SAY_HOOKED}; import autoinstrument.agent.pipeline", **ON)
    assert (ended.stdout, ended.stderr) == ("True\n", "")
