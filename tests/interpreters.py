"""Interpreters that tests start as users do: with the wheel installed, mounted, or not there."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from processes import until

if TYPE_CHECKING:
    from collections.abc import Callable

REPOSITORY = Path(os.environ.get("CHECKOUT", Path(__file__).parents[1]))
"""Where the sources are; CI runs a copy of the tests, away from them."""
ON = {"AUTOINSTRUMENT_ENABLED": "1"}
HOOKED = (
    "import sys; "
    "hooked = 'autoinstrument.start.finder' in "
    "[type(finder).__module__ for finder in sys.meta_path]; "
)
"""Python that sets `hooked`, to begin a program with."""


@dataclass(frozen=True)
class Interpreter:
    """A Python at `path`; its packages are in the folder `site`, its scripts in `scripts`."""

    path: Path
    site: Path

    @classmethod
    def of(cls, folder: Path) -> Interpreter:
        """Return the interpreter of the virtual environment in `folder`."""
        scheme = "nt" if os.name == "nt" else "posix_prefix"
        paths = sysconfig.get_paths(scheme, {"base": str(folder), "platbase": str(folder)})
        return cls(Path(paths["scripts"], Path(sys.executable).name), Path(paths["purelib"]))

    @property
    def scripts(self) -> Path:
        """Where `autoinstrument` is, when it is installed."""
        return self.path.parent

    def run(
        self, *arguments: str | Path, cwd: Path | None = None, stdin: str = "", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run it to its end, with these variables and no others of the agent's or Python's."""
        return self.run_command(self.path, *arguments, cwd=cwd, stdin=stdin, **variables)

    def run_command(
        self, *command: str | Path, cwd: Path | None = None, stdin: str = "", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, with this interpreter's scripts first on the PATH."""
        return subprocess.run(
            command,
            cwd=cwd,
            env=self.environment(**variables),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def environment(self, **variables: str) -> dict[str, str]:
        """Return this process's environment without what concerns the agent or Python."""
        ours = ("AUTOINSTRUMENT_", "OTEL_", "PYTHON")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        path = f"{self.scripts}{os.pathsep}{os.environ.get('PATH', '')}"
        return {**kept, "PATH": path, **variables}

    def install(self, *arguments: str | Path) -> None:
        """Install with pip and without dependencies."""
        self.pip("install", "--no-deps", *arguments)

    def pip(self, *arguments: str | Path) -> None:
        """Run this process's pip on the environment, which has none."""
        _pip("--python", self.path, *arguments)

    def remove_dependencies(self) -> None:
        """Leave nothing but what has been installed."""
        for package in self.site.iterdir():
            if package.is_symlink():
                package.unlink()

    def copy(self, folder: Path) -> Interpreter:
        """Return a copy in `folder`, which a test may change."""
        shutil.copytree(self.scripts.parent, folder, symlinks=True)
        return Interpreter.of(folder)


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known of a test that `-m "not slow"` leaves out."""
    config.addinivalue_line("markers", "slow: takes some 10 s and the package index")


@pytest.fixture(scope="session")
def wheel(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel, as `make wheel` does."""

    def build(folder: Path) -> None:
        _pip("wheel", "--no-deps", *build_options(), "--wheel-dir", folder, REPOSITORY)

    return next(once(request, tmp_path_factory, "wheel", build).glob("*.whl"))


@pytest.fixture(scope="session")
def installed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, wheel: Path
) -> Interpreter:
    """Give a virtual environment in which the wheel is installed."""
    folder = once(
        request, tmp_path_factory, "installed", lambda folder: _environment(folder).install(wheel)
    )
    return Interpreter.of(folder)


@pytest.fixture(scope="session")
def bare(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Interpreter:
    """Give a virtual environment that has all that `installed` has, but the agent."""
    return Interpreter.of(once(request, tmp_path_factory, "bare", _environment))


@pytest.fixture(scope="session")
def mounted(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, wheel: Path
) -> Path:
    """Give a folder that `pip install --target` has made, for interpreters without the agent."""

    def install(folder: Path) -> None:
        _pip("install", "--no-deps", "--target", folder, wheel)

    return once(request, tmp_path_factory, "mounted", install)


@pytest.fixture
def client(tmp_path: Path) -> Path:
    """Give a folder with a client, `kafka_client`, and an installed adapter for it.

    The adapter counts in `kafka_client.installed`; the client prints when it is executed.
    """
    folder = tmp_path / "client"
    folder.mkdir()
    (folder / "kafka_client.py").write_text("installed = 0\nprint('the client itself')\n")
    (folder / "counting.py").write_text("def install(module): module.installed += 1\n")
    add_distribution(folder, "kafka_client = counting")
    return folder


def build_options() -> list[str]:
    """Return options that build without the network, where what that takes is installed."""
    here = all(importlib.util.find_spec(name) for name in ("hatchling", "editables"))
    return ["--no-build-isolation"] if here else []


def add_distribution(folder: Path, *adapters: str) -> None:
    """Put the metadata of a distribution into `folder`: all that entry points take."""
    name = f"adapters_{len(list(folder.iterdir()))}"
    metadata = folder / f"{name}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = ["[autoinstrument_adapters]", *adapters]
    (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n")


def _environment(folder: Path) -> Interpreter:
    """Make a virtual environment that has the packages of this one, but not the agent."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    interpreter = Interpreter.of(folder)
    # From 3.13 the first .pth of an environment loads a codec: neither has ours as its only one.
    (interpreter.site / "another.pth").write_text("# nothing\n")
    for package in Path(sysconfig.get_path("purelib")).iterdir():
        if package.suffix != ".pth" and not package.name.startswith("autoinstrument"):
            (interpreter.site / package.name).symlink_to(package)
    return interpreter


def _pip(*arguments: str | Path) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    subprocess.run(command, check=True)


def once(
    request: pytest.FixtureRequest,
    factory: pytest.TempPathFactory,
    name: str,
    make: Callable[[Path], object],
) -> Path:
    """Return the folder that `make` fills, once for all the workers of a test run."""
    base = factory.getbasetemp()
    shared = base.parent if hasattr(request.config, "workerinput") else base
    folder, made = shared / name, shared / f"{name}-made"
    try:
        folder.mkdir()
    except FileExistsError:
        until(made.exists, f"another worker has not made {folder}", 200)
    else:
        make(folder)
        made.touch()
    return folder
