"""The agent starts through each of its doors, costs nothing when off, and harms no program.

Each test starts interpreters: what the interpreter does before the program is the claim.
"""

from __future__ import annotations

import ast
import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from interpreters import HOOKED, ON, REPOSITORY, Interpreter

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

pytestmark = pytest.mark.smoke

_SAY_HOOKED = f"{HOOKED}print(hooked)"
_MODULES = "import sys, json; print(json.dumps(sorted(sys.modules)))"


def test_an_unset_variable_imports_nothing(installed: Interpreter, bare: Interpreter) -> None:
    """Off is off: the interpreter loads the same modules as one without the agent."""
    expected = bare.run("-c", _MODULES).stdout
    assert installed.run("-c", _MODULES).stdout == expected
    for value in "", "0":
        assert installed.run("-c", _MODULES, AUTOINSTRUMENT_ENABLED=value).stdout == expected


def test_a_start_imports_the_finder_and_nothing_else(
    installed: Interpreter, bare: Interpreter
) -> None:
    """On, there are four modules of the agent; no OpenTelemetry, no wrapt, no logging.

    And `atexit`, which is built in.
    """
    added = set(json.loads(installed.run("-c", _MODULES, **ON).stdout))
    added -= set(json.loads(bare.run("-c", _MODULES).stdout))
    assert added - {"atexit"} == {
        "__future__",
        "autoinstrument",
        "autoinstrument.start",
        "autoinstrument.start.adapters",
        "autoinstrument.start.finder",
    }


def test_a_program_that_logs_imports_what_its_records_need(
    installed: Interpreter, bare: Interpreter
) -> None:
    """Still no OpenTelemetry, and nothing of the standard library that it had not."""
    program = f"import logging; {_MODULES}"
    added = set(json.loads(installed.run("-c", program, **ON).stdout))
    added -= set(json.loads(bare.run("-c", program).stdout))
    assert added == {
        "__future__",
        "autoinstrument",
        "autoinstrument.logs",
        "autoinstrument.logs.records",
        "autoinstrument.process",
        "autoinstrument.process.guard",
        "autoinstrument.process.notices",
        "autoinstrument.process.service",
        "autoinstrument.start",
        "autoinstrument.start.adapters",
        "autoinstrument.start.finder",
    }


def test_a_start_starts_no_thread(installed: Interpreter) -> None:
    """A process that writes nothing has one thread, so that it may fork."""
    ended = installed.run("-c", f"{HOOKED}import _thread; print(hooked, _thread._count())", **ON)
    assert ended.stdout == "True 0\n"


@pytest.mark.parametrize(
    "flag", ["-I", "-E", "-s", *(["-P"] if sys.version_info >= (3, 11) else [])]
)
def test_the_installed_agent_starts_whatever_the_flags(installed: Interpreter, flag: str) -> None:
    """An isolated interpreter is traced as well: its `.pth` files are read."""
    assert installed.run(flag, "-c", _SAY_HOOKED, **ON).stdout == "True\n"


def test_the_start_is_no_warning(installed: Interpreter) -> None:
    """Nor is it one to an interpreter that knows newer start files than the `.pth`."""
    ended = installed.run("-W", "error", "-c", _SAY_HOOKED, **ON)
    assert (ended.stdout, ended.stderr) == ("True\n", "")


def test_an_interpreter_without_site_runs_without_the_agent(installed: Interpreter) -> None:
    """`-S` reads no start file: the program runs, untraced."""
    ended = installed.run("-S", "-c", _SAY_HOOKED, **ON)
    assert (ended.stdout, ended.stderr) == ("False\n", "")


def test_the_finder_is_there_once(installed: Interpreter) -> None:
    """A `.pth` runs twice in a virtual environment, and `boot()` may be called again."""
    program = (
        "import sys; from autoinstrument.start import boot; boot(); "
        "print([type(finder).__name__ for finder in sys.meta_path].count('Finder'))"
    )
    assert installed.run("-c", program, **ON).stdout == "1\n"


@pytest.mark.parametrize("value", ["2", "ture"])
def test_a_wrong_switch_is_told_once_and_is_off(installed: Interpreter, value: str) -> None:
    """One warning names the variable, the value and what is accepted."""
    ended = installed.run("-c", _SAY_HOOKED, AUTOINSTRUMENT_ENABLED=value)
    assert ended.stdout == "False\n"
    accepted = "1, 0, true, false, yes, no, on, off"
    told = f"AUTOINSTRUMENT_ENABLED={value!r} is ignored; accepted: {accepted} (bad-setting)"
    assert ended.stderr == f"autoinstrument: {told}\n"


@pytest.mark.parametrize(
    ("value", "hooked"), [("yes", "True"), ("TRUE", "True"), (" On ", "True"), ("False", "False")]
)
def test_a_switch_may_be_a_word(installed: Interpreter, value: str, hooked: str) -> None:
    """As people write them for other programs, in any case of letters."""
    ended = installed.run("-c", _SAY_HOOKED, AUTOINSTRUMENT_ENABLED=value)
    assert (ended.stdout, ended.stderr) == (f"{hooked}\n", "")


@pytest.mark.parametrize("value", ["true", "TRUE"])
def test_a_disabled_sdk_leaves_the_agent_off(installed: Interpreter, value: str) -> None:
    """OTEL_SDK_DISABLED is OpenTelemetry's own switch, in any case of letters."""
    ended = installed.run("-c", _SAY_HOOKED, **ON, OTEL_SDK_DISABLED=value)
    assert (ended.stdout, ended.stderr) == ("False\n", "")


@pytest.mark.parametrize(
    ("part", "content"),
    [
        ("", None),
        ("__init__.py", "1 / 0"),
        ("start/__init__.py", None),
        ("start/finder.py", None),
        ("start/adapters.py", None),
        ("start/finder.py", "raise SystemExit(3)"),
        ("start/__init__.py", "raise SystemExit(3)"),
        ("start/finder.py", "raise KeyboardInterrupt"),
        ("start/finder.py", "def"),
    ],
)
def test_a_broken_installation_leaves_the_program_running(
    installed: Interpreter, tmp_path: Path, part: str, content: str | None
) -> None:
    """It is told once, on stderr, however many start files there are."""
    broken = installed.copy(tmp_path / "broken")
    _damage(broken.site / "autoinstrument" / part, content)
    startup = tmp_path / "startup"
    shutil.copytree(installed.site / "autoinstrument" / "_startup", startup)
    ended = broken.run("-c", "print('ran')", **ON, PYTHONPATH=str(startup))
    assert (ended.returncode, ended.stdout) == (0, "ran\n")
    assert ended.stderr.startswith("autoinstrument: not started: ")
    assert ended.stderr.endswith(" (agent-failed)\n")
    assert ended.stderr.count("\n") == 1


def test_a_broken_installation_is_silent_when_off(installed: Interpreter, tmp_path: Path) -> None:
    """Who has not switched the agent on does not hear of it."""
    broken = installed.copy(tmp_path / "broken")
    _damage(broken.site / "autoinstrument", None)
    ended = broken.run("-c", "print('ran')")
    assert (ended.stdout, ended.stderr) == ("ran\n", "")


def test_a_broken_installation_needs_no_stderr(installed: Interpreter, tmp_path: Path) -> None:
    """A daemon has closed its stderr: the program runs all the same."""
    broken = installed.copy(tmp_path / "broken")
    _damage(broken.site / "autoinstrument" / "start/finder.py", None)
    ended = broken.run_command("sh", "-c", 'exec "$0" -c "print(1)" 2>&-', broken.path, **ON)
    assert (ended.returncode, ended.stdout) == (0, "1\n")


def _damage(path: Path, content: str | None) -> None:
    if content is not None:
        path.write_text(content)
    elif path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def test_the_agent_may_be_uninstalled_while_the_program_runs(
    installed: Interpreter, tmp_path: Path
) -> None:
    """A client that is imported after that still works, and the agent is told to be off once."""
    own = installed.copy(tmp_path / "own")
    _write_client(tmp_path / "client")
    package = str(own.site / "autoinstrument")
    program = f"import shutil; shutil.rmtree({package!r}); import confluent_kafka.cimpl"
    ended = own.run("-c", program, **ON, PYTHONPATH=str(tmp_path / "client"))
    assert (ended.returncode, ended.stdout) == (0, "__init__\ncimpl\n")
    assert ended.stderr.count("\n") == ended.stderr.count("(agent-failed)\n") == 1


def test_the_agent_may_be_replaced_while_the_program_runs(
    installed: Interpreter, tmp_path: Path
) -> None:
    """What is imported late may be of another version, and not have what is asked of it."""
    own = installed.copy(tmp_path / "own")
    _write_client(tmp_path / "client")
    late = str(own.site / "autoinstrument" / "agent" / "installation.py")
    program = f"open({late!r}, 'w').close(); import confluent_kafka.cimpl"
    ended = own.run("-c", program, **ON, PYTHONPATH=str(tmp_path / "client"))
    assert (ended.returncode, ended.stdout) == (0, "__init__\ncimpl\n")
    assert ended.stderr.count("\n") == ended.stderr.count("(agent-failed)\n") == 1


def test_a_mounted_agent_starts_in_an_interpreter_that_has_none(
    bare: Interpreter, mounted: Path, client: Path
) -> None:
    """The folder of `pip install --target` joins the path at its end, when a client is imported."""
    startup = str(mounted / "autoinstrument" / "_startup")
    program = (
        f"{HOOKED}before = list(sys.path); import kafka_client; "
        "print(hooked, kafka_client.installed, sys.path[:-1] == before, sys.path[-1])"
    )
    ended = bare.run("-c", program, **ON, PYTHONPATH=f"{startup}{os.pathsep}{client}")
    assert ended.stdout == f"the client itself\nTrue 1 True {mounted}\n"


def test_a_mounted_agent_is_on_no_path_until_a_client_is(bare: Interpreter, mounted: Path) -> None:
    """A process without Kafka sees its own packages only: pip would take ours for installed."""
    startup = str(mounted / "autoinstrument" / "_startup")
    program = f"{HOOKED}print(hooked, [p for p in sys.path if {str(mounted)!r} in p])"
    ended = bare.run("-c", program, **ON, PYTHONPATH=startup)
    assert ended.stdout == f"True {[startup]}\n"


def test_a_folder_of_the_agents_name_does_not_hide_it(
    bare: Interpreter, mounted: Path, tmp_path: Path
) -> None:
    """Python imports any folder as a package: a user's own may have been cloned there."""
    (tmp_path / "autoinstrument").mkdir()
    path = f"{mounted / 'autoinstrument' / '_startup'}{os.pathsep}{tmp_path}"
    ended = bare.run("-c", _SAY_HOOKED, **ON, PYTHONPATH=path)
    assert (ended.stdout, ended.stderr) == ("True\n", "")


def test_a_checkout_on_the_path_starts_the_agent(bare: Interpreter) -> None:
    """In the repository the folder stands beside the package, and not in it."""
    ended = bare.run("-c", _SAY_HOOKED, **ON, PYTHONPATH=str(REPOSITORY / "sitecustomize"))
    assert (ended.stdout, ended.stderr) == ("True\n", "")


def test_the_startup_folder_starts_nothing_when_off(bare: Interpreter, mounted: Path) -> None:
    """The folder on the path is not the switch: its program sees what it sees without."""
    startup = mounted / "autoinstrument" / "_startup"
    ended = bare.run("-c", _MODULES, PYTHONPATH=str(startup))
    added = set(json.loads(ended.stdout)) - set(json.loads(bare.run("-c", _MODULES).stdout))
    assert added <= {"sitecustomize"}


def test_without_opentelemetry_a_client_still_works(
    bare: Interpreter, mounted: Path, tmp_path: Path
) -> None:
    """What cannot be imported is told once each, and the application's import succeeds."""
    _write_client(tmp_path)
    alone = bare.copy(tmp_path / "alone")
    alone.remove_dependencies()
    ended = alone.run(
        "-c",
        "import confluent_kafka.cimpl, confluent_kafka.serializing_producer",
        **ON,
        PYTHONPATH=f"{mounted / 'autoinstrument' / '_startup'}{os.pathsep}{tmp_path}",
    )
    assert (ended.returncode, ended.stdout) == (0, "__init__\ncimpl\nserializing_producer\n")
    told = [line.partition(" failed ")[0] for line in ended.stderr.splitlines()]
    assert told == [
        "autoinstrument: the search for further adapters",
        "autoinstrument: the adapter autoinstrument.adapters.confluent_kafka",
    ]


def test_the_sitecustomize_behind_ours_runs_once(
    bare: Interpreter, mounted: Path, tmp_path: Path
) -> None:
    """The application's own follows the agent's start, and is the one that `sys.modules` has."""
    program = "import sys; print(sys.modules['sitecustomize'].__file__, *sys.path[1:3])"
    own = _write(
        tmp_path / "sitecustomize.py",
        f"{HOOKED}print('own', hooked, sys.path[0] == {str(tmp_path)!r})",
    )
    startup = mounted / "autoinstrument" / "_startup"
    ended = bare.run("-c", program, **ON, PYTHONPATH=f"{startup}{os.pathsep}{tmp_path}")
    assert ended.stdout == f"own True True\n{own} {startup} {tmp_path}\n"
    assert ended.stderr == ""


def test_the_sitecustomize_behind_ours_runs_when_the_agent_is_off(
    installed: Interpreter, tmp_path: Path
) -> None:
    """A folder that stays on the path hides nothing."""
    _write(tmp_path / "sitecustomize.py", "print('own')")
    startup = installed.site / "autoinstrument" / "_startup"
    ended = installed.run("-c", "pass", PYTHONPATH=f"{startup}{os.pathsep}{tmp_path}")
    assert (ended.stdout, ended.stderr) == ("own\n", "")


def test_a_sitecustomize_in_the_current_directory_runs(
    installed: Interpreter, tmp_path: Path
) -> None:
    """An empty entry of PYTHONPATH is the current directory, also behind our folder."""
    _write(tmp_path / "sitecustomize.py", f"{HOOKED}print('own', hooked)")
    startup = installed.site / "autoinstrument" / "_startup"
    ended = installed.run("-c", "pass", cwd=tmp_path, **ON, PYTHONPATH=f"{startup}{os.pathsep}")
    assert (ended.stdout, ended.stderr) == ("own True\n", "")


@pytest.mark.parametrize(
    "content",
    [
        "1 / 0",
        "import no_such_module",
        "raise ImportError('mine')",
        "def",
        "import os; os._exit(4)",
    ],
)
def test_an_error_in_the_sitecustomize_behind_ours_surfaces_as_before(
    installed: Interpreter, tmp_path: Path, content: str
) -> None:
    """The interpreter says of the application's own error what it says without the agent."""
    _write(tmp_path / "sitecustomize.py", content)
    startup = installed.site / "autoinstrument" / "_startup"
    without = installed.run("-c", "print(1)", PYTHONPATH=str(tmp_path))
    ended = installed.run("-c", "print(1)", **ON, PYTHONPATH=f"{startup}{os.pathsep}{tmp_path}")
    assert _outcome(ended) == _outcome(without)


def test_an_exit_in_the_sitecustomize_behind_ours_does_what_it_did_before(
    installed: Interpreter, tmp_path: Path
) -> None:
    """A SystemExit ends CPython, and only the traceback has our frames; PyPy goes on."""
    _write(tmp_path / "sitecustomize.py", "raise SystemExit(7)")
    startup = installed.site / "autoinstrument" / "_startup"
    without = installed.run("-c", "print(1)", PYTHONPATH=str(tmp_path))
    ended = installed.run("-c", "print(1)", **ON, PYTHONPATH=f"{startup}{os.pathsep}{tmp_path}")
    assert (without.returncode != 0) == (sys.implementation.name == "cpython")
    assert (ended.returncode, ended.stdout) == (without.returncode, without.stdout)
    assert ended.stderr.splitlines()[-1:] == without.stderr.splitlines()[-1:]


def _outcome(ended: subprocess.CompletedProcess[str]) -> tuple[int, str, str]:
    return ended.returncode, ended.stdout, ended.stderr


def test_no_sitecustomize_behind_ours_is_no_error(bare: Interpreter, mounted: Path) -> None:
    """Where there is none to run, nothing is said, at none of the thousand starts a day."""
    startup = mounted / "autoinstrument" / "_startup"
    ended = bare.run("-c", "print('ran')", **ON, PYTHONPATH=str(startup))
    assert _outcome(ended) == (0, "ran\n", "")


def test_an_older_interpreter_is_left_alone(
    bare: Interpreter, mounted: Path, tmp_path: Path
) -> None:
    """Every Python inherits PYTHONPATH: an older one runs what it would, and not the agent.

    Those that the machine has, and this one with another version number.
    """
    startup = mounted / "autoinstrument" / "_startup"
    ast.parse((startup / "sitecustomize.py").read_text("ascii"), feature_version=(3, 4))
    _write(tmp_path / "sitecustomize.py", "import sys; sys.stdout.write('own ')")
    say = "sys.stdout.write(str('autoinstrument' in sys.modules))"
    given = {**ON, "PYTHONPATH": f"{startup}{os.pathsep}{tmp_path}"}
    older = "import site, sys; sys.version_info = (3, 9, 18, 'final', 0); site.main(); "
    assert _outcome(bare.run("-S", "-c", older + say, **given)) == (0, "own False", "")
    for path in _older_interpreters():
        ended = bare.run_command(path, "-c", f"import sys; {say}", **given)
        assert (path, *_outcome(ended)) == (path, 0, "own False", "")


def _older_interpreters() -> Iterator[Path]:
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep)]
    for folder in [*pyenv.glob("*/bin"), *(path for path in folders if path.name != "shims")]:
        for name in "python2.7", "python3.6", "python3.7", "python3.8", "python3.9":
            if (folder / name).is_file():
                yield folder / name


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
@pytest.mark.skipif(os.name == "nt", reason="there is no forkserver, and spawn is all there is")
def test_a_worker_process_starts_the_agent_too(
    installed: Interpreter, tmp_path: Path, method: str
) -> None:
    """The children of multiprocessing are interpreters of their own, and inherit the switch."""
    program = _write(
        tmp_path / "program.py",
        f"""
import multiprocessing
def work(_):
    {HOOKED}
    return hooked
if __name__ == "__main__":
    with multiprocessing.get_context({method!r}).Pool(1) as pool:
        print(pool.map(work, [0]))
""",
    )
    ended = installed.run(program, **ON)
    assert _outcome(ended) == (0, "[True]\n", "")


def _write_client(folder: Path) -> None:
    """Write a package in which the names of confluent-kafka's hooked modules can be imported."""
    for name in "__init__", "cimpl", "serializing_producer":
        _write(folder / "confluent_kafka" / f"{name}.py", f"print({name!r})")


def _write(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path
