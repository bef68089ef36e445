"""`autoinstrument run` is the command itself, with the agent in it.

Each test starts a command as a user does: what a process inherits is the claim.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from interpreters import HOOKED, Interpreter
from recordings import recording, request, write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Run = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows cannot replace a process")

_PROGRAM = f"""
import json, os, sys
{HOOKED}
startup = [entry for entry in sys.path if entry.endswith("_startup")]
sys.path[:] = [entry for entry in sys.path if entry not in startup]
ours = ("AUTOINSTRUMENT_ENABLED", "AUTOINSTRUMENT_FOLDER", "AUTOINSTRUMENT_RUN", "PYTHONPATH")
environment = {{name: value for name, value in os.environ.items() if name not in ours}}
print(json.dumps(dict(
    hooked=hooked, startup=startup, environment=environment,
    argv=sys.argv, sys_path=sys.path, flags=str(sys.flags),
    name=__name__, file=globals().get("__file__"), package=__package__,
    spec=getattr(__spec__, "name", None), loader=str(__loader__.__class__),
    stdin=sys.stdin.read(), streams=[str(sys.stdout.encoding), sys.stdout.errors],
)))
sys.stderr.write("to stderr")
sys.exit(3)
"""

_FILES = ("script.py", "kafka_app.py", "package/__main__.py", "folder/__main__.py", "far/script.py")
_SAFE = {"PYTHONSAFEPATH": "1", "PYTHONPATH": os.pathsep.join([".", "far"])}


@pytest.fixture
def run(installed: Interpreter) -> Run:
    """Give a function that runs `autoinstrument run` with its arguments, to its end."""

    def run(*arguments: str | Path, **given: Any) -> subprocess.CompletedProcess[str]:
        return installed.run_command("autoinstrument", "run", *arguments, **given)

    return run


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Give a folder with one program, in all the forms that the interpreter can start."""
    files = (
        "script.py",
        "kafka_app.py",
        "package/__main__.py",
        "folder/__main__.py",
        "far/script.py",
    )
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(_PROGRAM)
    (tmp_path / "package" / "__init__.py").touch()
    with zipfile.ZipFile(tmp_path / "app.pyz", "w") as archive:
        archive.writestr("__main__.py", _PROGRAM)
    return tmp_path


@pytest.mark.parametrize("variables", [{}, _SAFE], ids=["", "safe path"])
@pytest.mark.parametrize(
    "arguments",
    [
        ["-c", _PROGRAM, "a", "--report"],
        ["script.py", "a b", "--", "-c"],
        ["far/script.py"],
        ["-m", "kafka_app", "a"],
        ["-m", "package"],
        ["folder", "a"],
        ["app.pyz", "a"],
        ["-I", "script.py"],
        ["-u", "-O", "-X", "dev", "script.py"],
        ["-", "a"],
        [],
    ],
    ids=lambda arguments: " ".join(arguments).replace(_PROGRAM, "...") or "stdin",
)
def test_a_program_sees_what_it_sees_without(
    run: Run,
    installed: Interpreter,
    programs: Path,
    arguments: list[str],
    variables: dict[str, str],
) -> None:
    """Arguments, path, flags, environment, streams and exit code are equal, and it is hooked."""
    stdin = "input" if arguments[:1] not in ([], ["-"]) else _PROGRAM
    without = installed.run(*arguments, cwd=programs, stdin=stdin, **variables)
    seen_by = run("--", installed.path, *arguments, cwd=programs, stdin=stdin, **variables)
    expected, seen = json.loads(without.stdout), json.loads(seen_by.stdout)
    assert (expected.pop("hooked"), expected.pop("startup")) == (False, [])
    assert (seen.pop("hooked"), len(seen.pop("startup"))) == (True, "-I" not in arguments)
    assert seen == expected
    assert (seen_by.stderr, seen_by.returncode) == (without.stderr, 3)


def test_the_locale_is_the_users(installed: Interpreter) -> None:
    """Without a locale, as in containers, Python sets LC_CTYPE for itself: it is not handed on."""
    bare = ("env", *(word for name in ("LANG", "LC_ALL", "LC_CTYPE") for word in ("-u", name)))
    shown = ("env",)
    without = installed.run_command(*bare, *shown).stdout.splitlines()
    seen = installed.run_command(*bare, "autoinstrument", "run", "--", *shown).stdout.splitlines()
    added = {line.partition("=")[0] for line in set(seen) - set(without)}
    assert added == {
        "PYTHONPATH",
        "AUTOINSTRUMENT_ENABLED",
        "AUTOINSTRUMENT_FOLDER",
        "AUTOINSTRUMENT_RUN",
    }
    assert set(without) <= set(seen)


_SHOW_OURS = "import os; print(*sorted(n for n in os.environ if n.startswith('AUTOINSTRUMENT')))"


@pytest.mark.parametrize("value", ["0", "false", "No", "OFF"])
@pytest.mark.parametrize("options", [[], ["--record", "here.jsonl"]])
def test_an_operator_switches_the_agent_off_without_touching_a_command(
    run: Run, tmp_path: Path, options: list[str], value: str
) -> None:
    """AUTOINSTRUMENT_ENABLED=0 in the environment wins; who has asked for a recording is told."""
    command = ("--", sys.executable, "-c", _SHOW_OURS)
    ended = run(*options, *command, cwd=tmp_path, AUTOINSTRUMENT_ENABLED=value)
    assert ended.stdout == "AUTOINSTRUMENT_ENABLED\n"
    words = f"nothing is recorded: AUTOINSTRUMENT_ENABLED={value} turns the agent off"
    assert ended.stderr == (f"autoinstrument run: {words}\n" if options else "")
    assert (ended.returncode, list(tmp_path.iterdir())) == (0, [])


@pytest.mark.parametrize("setting", ["AUTOINSTRUMENT_ENABLED=off", "OTEL_SDK_DISABLED=true"])
def test_a_report_that_an_operator_has_switched_off_is_told(
    run: Run, tmp_path: Path, setting: str
) -> None:
    """Who asked for it learns, after the command, why there is none; the exit code stays."""
    command = ("--", sys.executable, "-c", "print(1); raise SystemExit(3)")
    ended = run("--report", *command, cwd=tmp_path, **dict([setting.split("=")]))
    assert (ended.stdout, ended.returncode) == ("1\n", 3)
    words = f"nothing was recorded: {setting} turns the agent off"
    assert ended.stderr == f"autoinstrument run: {words}\n"
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_switch_is_told_and_leaves_the_agent_on(run: Run, tmp_path: Path) -> None:
    """The command line asks for the agent; the environment says nothing against it."""
    show = "import os; print(os.environ['AUTOINSTRUMENT_ENABLED'])"
    ended = run("--", sys.executable, "-c", show, cwd=tmp_path, AUTOINSTRUMENT_ENABLED="never")
    assert ended.stdout == "1\n"
    words = "AUTOINSTRUMENT_ENABLED='never' is ignored; accepted: 1, 0, true, false"
    assert ended.stderr.startswith(f"autoinstrument: {words}")
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize("given", ["", "/a:/b", "/a::/b"])
def test_the_users_pythonpath_stays_behind_ours(run: Run, tmp_path: Path, given: str) -> None:
    """It is not given an empty entry, which would be the current directory."""
    ended = run("--", "sh", "-c", 'echo "$PYTHONPATH"', cwd=tmp_path, PYTHONPATH=given)
    startup, separator, rest = ended.stdout.removesuffix("\n").partition(os.pathsep)
    assert startup.endswith("_startup")
    assert (separator, rest) == (os.pathsep if given else "", given)


def test_the_command_has_the_process_of_the_wrapper(installed: Interpreter) -> None:
    """The same pid, so that a supervisor's signals reach the command itself."""
    command = ["autoinstrument", "run", "--", "sh", "-c", "echo $$; exec sleep 60"]
    with subprocess.Popen(
        command, env=installed.environment(), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert int(process.stdout.readline()) == process.pid
        process.terminate()
    assert process.returncode == -signal.SIGTERM


def test_a_broken_pipe_ends_the_command_as_it_would(run: Run) -> None:
    """Python ignores SIGPIPE, which the command does not inherit."""
    assert run("--", "sh", "-c", "kill -PIPE $$; echo alive").returncode == -signal.SIGPIPE


def test_children_of_any_command_start_the_agent(run: Run, installed: Interpreter) -> None:
    """A shell that starts Python is enough."""
    program = f"{HOOKED}print(hooked)"
    ended = run("--", "sh", "-c", '"$0" -c "$1"', installed.path, program)
    assert (ended.stdout, ended.stderr) == ("True\n", "")


def test_a_command_needs_no_separator(run: Run) -> None:
    """Options behind the command's name are the command's."""
    assert run("echo", "--report", "--", "-h").stdout == "--report -- -h\n"


@pytest.mark.parametrize("name", ["here", "here.jsonl", "here.d/"])
def test_a_record_is_named_absolutely(run: Run, tmp_path: Path, name: str) -> None:
    """The command may change its directory before it writes; a slash still means a folder."""
    shown = ("--", "sh", "-c", "echo $AUTOINSTRUMENT_RECORD")
    ended = run("--record", name, *shown, cwd=tmp_path)
    assert ended.stdout == f"{tmp_path}/{name}\n"
    ended = run(*shown, cwd=tmp_path, AUTOINSTRUMENT_RECORD=name)
    assert ended.stdout == f"{tmp_path}/{name}\n"


def test_a_record_in_a_folder_that_is_gone_is_told_by_the_agent(
    run: Run, installed: Interpreter, tmp_path: Path
) -> None:
    """The command runs, as it would without the agent; `doctor` finds the same."""
    program = tmp_path / "program.py"
    program.write_text(
        "from confluent_kafka import Producer\n"
        "producer = Producer({'message.max.bytes': 1000, 'log_level': 0})\n"
        "try: producer.produce('orders', b'v' * 2000)\n"
        "except Exception: print('refused')\n"
    )
    (tmp_path / "gone").mkdir()
    gone = ("sh", "-c", 'rmdir ../gone && exec "$@"', "sh")
    ended = run(
        "--",
        *gone,
        "autoinstrument",
        "run",
        "--record",
        "here",
        "--",
        installed.path,
        program,
        cwd=tmp_path / "gone",
    )
    assert (ended.returncode, ended.stdout) == (0, "refused\n")
    said = r"autoinstrument: here/\S+ cannot be written: No such file or directory; its spans are"
    assert re.match(said, ended.stderr)
    (tmp_path / "gone").mkdir()
    found = installed.run_command(*gone, "autoinstrument", "doctor", cwd=tmp_path / "gone")
    assert (found.returncode, found.stderr) == (1, "")
    # CPython 3.13.0 itself fails on the examination there.
    assert re.search("recording-unwritable|python-fails .*SystemError", found.stdout, re.DOTALL)


def test_a_recording_is_where_run_was_started(run: Run, tmp_path: Path) -> None:
    """Without a name, too; and that alone makes no recording beside an exporter."""
    (tmp_path / "elsewhere").mkdir()
    program = """
import os
os.chdir("elsewhere")
from autoinstrument.export.recording import Recording
print(Recording().place)
"""
    ended = run("--", "python", "-c", program, cwd=tmp_path)
    assert ended.stdout == f"{tmp_path / '.autoinstrument'}\n"
    ended = run("--", "sh", "-c", "echo $AUTOINSTRUMENT_RECORD", cwd=tmp_path)
    assert ended.stdout == "\n"


@pytest.mark.parametrize("report", [[], ["--report"]], ids=["exec", "report"])
@pytest.mark.parametrize(
    ("command", "code", "sentence"),
    [
        ([], 2, "no command given; usage: autoinstrument run -- COMMAND..."),
        ([""], 2, "no command given; usage: autoinstrument run -- COMMAND..."),
        (["nosuch", "x"], 127, "nosuch: command not found"),
        (["./no/such"], 127, "./no/such: command not found"),
        (["./folder"], 126, "./folder: permission denied"),
        (["./no_interpreter"], 126, "./no_interpreter: no such file or directory"),
        (["./x.py"], 126, "./x.py: permission denied; try: autoinstrument run -- python ./x.py"),
        (
            ["x.py", "a b"],
            127,
            "x.py: command not found; try: autoinstrument run -- python x.py 'a b'",
        ),
    ],
)
def test_a_command_that_cannot_start_is_one_sentence(  # noqa: PLR0913, PLR0917 - a row of the table
    run: Run, tmp_path: Path, report: list[str], command: list[str], code: int, sentence: str
) -> None:
    """With the exit code of `env`, and nothing on stdout."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "x.py").touch()
    (tmp_path / "no_interpreter").write_text("#!/no/such/interpreter\n")
    (tmp_path / "no_interpreter").chmod(0o755)
    ended = run(*report, "--", *command, cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (code, "")
    assert ended.stderr == f"autoinstrument run: {sentence}\n"


def test_the_help_fits_a_screen(run: Run) -> None:
    """It says how the command is written."""
    ended = run("--help")
    assert ended.stdout.startswith("usage: autoinstrument run [--record PATH] [--report] -- COMM")
    assert ended.stdout.count("\n") < 24


@pytest.fixture
def recorded(tmp_path: Path) -> str:
    """Give the path of a recording with one write to the topic "profiles"."""
    return recording(tmp_path / "recording.jsonl", [request([write("profiles")])])


@pytest.mark.smoke
def test_the_report_follows_the_commands_output(run: Run, recorded: str) -> None:
    """It is about the recording; the exit code is the command's."""
    ended = run("--report", "--record", recorded, "--", "sh", "-c", "echo first; exit 3")
    assert ended.stdout.startswith("first\n")
    assert "profiles" in ended.stdout
    assert ended.returncode == 3


def test_the_exit_code_of_a_report_tells_of_a_signal(run: Run, recorded: str) -> None:
    """As a shell tells it: 128 and the signal's number."""
    ended = run("--report", "--record", recorded, "--", "sh", "-c", "kill -KILL $$")
    assert ended.returncode == 128 + signal.SIGKILL


def test_a_report_has_a_folder_of_its_own(run: Run, tmp_path: Path) -> None:
    """So it is about this run alone, and the recording is there to be looked at again."""
    shown = ("--report", "--", "sh", "-c", 'echo "$AUTOINSTRUMENT_RECORD"')
    folders = {run(*shown, cwd=tmp_path).stdout.splitlines()[0] for _ in range(2)}
    assert folders == {str(path) for path in (tmp_path / ".autoinstrument").glob("run-*")}
    assert len(folders) == 2


def test_a_report_that_cannot_be_kept_is_refused_first(run: Run, tmp_path: Path) -> None:
    """The command has not been started."""
    (tmp_path / ".autoinstrument").touch()
    ended = run("--report", "--", "echo", "started", cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert re.fullmatch(r"autoinstrument run: \S+ cannot be created: .+\n", ended.stderr)


@pytest.mark.parametrize("name", ["TERM", "INT", "HUP", "QUIT", "USR1", "USR2"])
def test_a_signal_to_a_reporting_wrapper_reaches_the_command(
    installed: Interpreter, recorded: str, name: str
) -> None:
    """A supervisor knows the wrapper's pid only; the report is printed all the same."""
    command = ["autoinstrument", "run", "--report", "--record", recorded, "--"]
    command += [
        "sh",
        "-c",
        f"trap 'echo got it; exit 5' {name}; echo ready; while :; do sleep 0.1; done",
    ]
    with subprocess.Popen(
        command,
        env=installed.environment(),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.Signals[f"SIG{name}"])
        output = process.stdout.read()
    assert output.startswith("got it\n")
    assert "profiles" in output
    assert process.returncode == 5


def test_ctrl_c_interrupts_a_reported_command_once(
    installed: Interpreter, tmp_path: Path, recorded: str
) -> None:
    """The terminal interrupts the whole group: a second one would cut the clean-up short."""
    import pty

    program = tmp_path / "program.py"
    program.write_text(
        "import signal, time\n"
        "got = []\n"
        "signal.signal(signal.SIGINT, lambda *_: got.append(1))\n"
        "print('ready', flush=True)\n"
        "while not got: time.sleep(0.01)\n"
        "time.sleep(0.3)\n"
        "print('interrupts:', len(got))\n"
    )
    own_terminal = (
        "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
        "os.execvp(sys.argv[1], sys.argv[1:])"
    )
    command = [sys.executable, "-c", own_terminal, "autoinstrument", "run", "--report"]
    command += ["--record", recorded, "--", str(installed.path), str(program)]
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command,
        env=installed.environment(),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        output = _read(ours, b"ready")
        os.write(ours, b"\x03")
        output += _read(ours, None)
    os.close(ours)
    assert b"interrupts: 1" in output
    assert b"profiles" in output
    assert process.returncode == 0


def _read(terminal: int, until: bytes | None) -> bytes:
    """Read a terminal until it has shown some words, or nobody writes to it any more."""
    output = b""
    while until is None or until not in output:
        try:
            read = os.read(terminal, 4096)
        except OSError:  # Linux: the far end is closed
            break
        if not read:
            break
        output += read
    return output
