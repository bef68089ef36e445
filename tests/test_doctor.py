"""The doctor says what keeps spans from coming; each fault is made for real.

Tests with the fixture `doctor` start interpreters: what one of them does at its start is examined.
"""

from __future__ import annotations

import json
import os
import sys
import sysconfig
import threading
from dataclasses import dataclass
from pathlib import Path
from socketserver import StreamRequestHandler, TCPServer
from typing import TYPE_CHECKING, Any, Protocol

import confluent_kafka
import pytest
from interpreters import ON, Interpreter, add_distribution
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from processes import free_port

from autoinstrument.commands.run import startup_folder
from autoinstrument.doctor import destinations, endpoints
from autoinstrument.doctor.interpreters import NoInterpreterError, interpreter
from autoinstrument.doctor.line import Line, without_secrets
from autoinstrument.doctor.text import render
from autoinstrument.export.recording import BEGINNING
from autoinstrument.start import ACCEPTED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from collectors import Endpoint, Rotel

HERE = Interpreter(Path(sys.executable), Path(sysconfig.get_path("purelib")))
HOME = str(Path(startup_folder()).parents[int(Path(startup_folder()).name == "_startup")])
"""The folder that holds the package, for interpreters in which it is not installed."""


@dataclass(frozen=True)
class Examination:
    """What the doctor printed with `--json`, what it said beside, and its exit code."""

    code: int
    stderr: str
    data: dict[str, Any]

    def line(self, slug: str) -> Line:
        """Return the only line with this slug."""
        (found,) = self.lines(slug)
        return found

    def lines(self, slug: str) -> list[Line]:
        """Return the lines with this slug."""
        return [Line(**line) for line in self.data["lines"] if line["slug"] == slug]

    def slugs(self, *statuses: str) -> set[str]:
        """Return the slugs of all lines with one of these statuses."""
        return {line["slug"] for line in self.data["lines"] if line["status"] in statuses}


class Doctor(Protocol):
    """Run `autoinstrument doctor` on a command, in an environment with these variables."""

    def __call__(self, *command: str | Path, **variables: str) -> Examination:
        """Return what it found."""
        ...


@pytest.fixture
def doctor(tmp_path: Path) -> Doctor:
    """Return what examines, from an empty folder that is still empty afterwards."""
    cwd = tmp_path / "cwd"
    cwd.mkdir()

    def examine(*command: str | Path, **variables: str) -> Examination:
        arguments = ["-m", "autoinstrument", "doctor", "--json"]
        ended = HERE.run(*arguments, *(["--", *command] if command else []), cwd=cwd, **variables)
        assert not list(cwd.iterdir())
        return Examination(ended.returncode, ended.stderr, json.loads(ended.stdout))

    return examine


def foreign(folder: Path, source: str) -> str:
    """Write a sitecustomize into a new folder and return that folder."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(source)
    return str(folder)


def distributions(folder: Path, **versions: str) -> str:
    """Make a folder in which distributions seem to be installed, and return it."""
    for name, version in versions.items():
        metadata = folder / f"{name}-{version}.dist-info"
        metadata.mkdir(parents=True)
        text = f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: {version}\n"
        (metadata / "METADATA").write_text(text)
    return str(folder)


@pytest.mark.smoke
def test_where_nothing_is_wrong_it_says_what_is_traced(doctor: Doctor) -> None:
    """The interpreter, the start, the client with its hooked modules, where the spans go."""
    found = doctor(**ON)
    assert (found.code, found.stderr, found.data["verdict"]) == (0, "", "No problems found.")
    assert sys.executable in found.line("python").what
    assert "autoinstrument.pth" in found.line("started").what
    client = found.line("confluent-kafka").what
    assert client.startswith(f"confluent-kafka {confluent_kafka.__version__} is traced, in ")
    assert "confluent_kafka.cimpl" in client
    assert ".autoinstrument (no exporter is configured)" in found.line("recording").what
    assert found.slugs("off", "warning", "problem") == set()


@pytest.mark.parametrize("value", [None, ""])
def test_an_agent_that_is_off_here_is_no_problem(doctor: Doctor, value: str | None) -> None:
    """In a shell it is off, and `run` turns it on: so it is examined, and how is said."""
    found = doctor(**{} if value is None else {"AUTOINSTRUMENT_ENABLED": value})
    line = found.line("not-enabled")
    assert (found.code, line.status) == (0, "off")
    assert "autoinstrument run -- COMMAND" in line.remedy
    assert "is traced" in found.line("confluent-kafka").what


def test_the_data_has_a_schema_and_the_same_keys_in_each_line(doctor: Doctor) -> None:
    """Programs read it: its names are promised."""
    data = doctor().data
    assert set(data) == {"schema", "version", "verdict", "lines"}
    assert data["schema"] == "autoinstrument.doctor/1"
    for line in data["lines"]:
        assert set(line) == {"status", "slug", "what", "why", "remedy"}
        assert all(line[key] for key in line if line["status"] != "ok")


def test_the_text_names_a_problem_and_the_exit_code_is_one(tmp_path: Path) -> None:
    """As a person calls it: the verdict is the last line; the program's own exit code counts."""
    below_a_file = tmp_path / "file"
    below_a_file.touch()
    record = str(below_a_file / "folder")
    ended = HERE.run("-m", "autoinstrument", "doctor", cwd=tmp_path, AUTOINSTRUMENT_RECORD=record)
    assert (ended.returncode, ended.stderr) == (1, "")
    verdict = "1 problem: recording-unwritable; off: not-enabled."
    assert ended.stdout.splitlines()[-1] == verdict


def test_the_text_is_aligned_and_has_the_worst_last() -> None:
    """One column of statuses, one of slugs; why and what to do stand below what was found."""
    lines = [
        Line("problem", "broken", "it is broken", "It hurts.", "Mend it."),
        Line("ok", "whole-thing", "it is whole"),
        Line("warning", "odd", "it is\x1b odd"),
    ]
    assert render(lines, 40).splitlines()[2:] == [
        "ok       whole-thing  it is whole",
        "warning  odd          it is\\x1b odd",
        "problem  broken       it is broken",
        "                      It hurts.",
        "                      Mend it.",
        "",
        "1 problem: broken; 1 warning: odd.",
    ]


def test_without_site_nothing_starts(doctor: Doctor) -> None:
    """`-S` leaves out start files and sitecustomize alike: there is nothing else to say."""
    found = doctor(sys.executable, "-S", "app.py")
    assert (found.code, found.slugs("problem")) == (1, {"no-site"})


def test_an_interpreter_without_the_start_file_is_not_traced_by_the_variable(
    doctor: Doctor, bare: Interpreter
) -> None:
    """Another interpreter than the one that has the package: the remedy names it."""
    found = doctor(bare.path, "app.py", **ON)
    line = found.line("start-file-missing")
    assert (found.code, line.status) == (1, "problem")
    assert line.remedy.endswith(f"the service uses: {bare.path} -m pip install WHEEL")


def test_an_interpreter_without_the_start_file_is_traced_under_run(
    doctor: Doctor, bare: Interpreter
) -> None:
    """`run` brings the agent in by PYTHONPATH, which is said; it is no problem."""
    found = doctor(bare.path, "app.py")
    assert (found.code, found.line("start-file-missing").status) == (0, "off")
    assert "is traced" in found.line("confluent-kafka").what


def test_an_isolated_interpreter_ignores_what_run_sets(doctor: Doctor, bare: Interpreter) -> None:
    """`-I` is taken from the command, and named as the reason."""
    found = doctor(bare.path, "-I", "-m", "app")
    assert "-I make it ignore PYTHONPATH" in found.line("start-file-missing").what
    assert found.code == 1


def test_a_damaged_installation_is_named(
    doctor: Doctor, installed: Interpreter, tmp_path: Path
) -> None:
    """The agent stands aside with a word; the doctor says which part is missing."""
    broken = installed.copy(tmp_path / "broken")
    (broken.site / "autoinstrument" / "start/finder.py").unlink()
    found = doctor(broken.path, "app.py", **ON)
    assert found.slugs("problem") == {"agent-failed"}
    assert "autoinstrument.start.finder" in found.line("agent-failed").what
    assert found.line("agent-failed").remedy.endswith("pip install --force-reinstall WHEEL")


def test_a_python_that_is_too_old_is_named(doctor: Doctor, tmp_path: Path) -> None:
    """It starts without the agent; this one says at its start that it is old."""
    old = foreign(tmp_path / "old", "import sys; sys.version_info = (3, 8, 18, 'final', 0)")
    found = doctor(sys.executable, PYTHONPATH=old)
    assert found.slugs("problem") == {"python-unsupported"}
    assert "Python 3.8.18" in found.line("python-unsupported").what


def test_a_python_that_does_not_start_is_named(
    doctor: Doctor, bare: Interpreter, tmp_path: Path
) -> None:
    """What it has said is passed on."""
    own = bare.copy(tmp_path / "own")
    (own.site / "sitecustomize.py").write_text("raise SystemExit('gone')")
    found = doctor(own.path)
    assert found.slugs("problem") == {"python-fails"}
    assert "exit code 1" in found.line("python-fails").what


def test_another_sitecustomize_is_executed_as_well(
    doctor: Doctor, bare: Interpreter, tmp_path: Path
) -> None:
    """What it prints does no harm."""
    own = bare.copy(tmp_path / "own")
    (own.site / "sitecustomize.py").write_text("print('good morning')")
    line = doctor(own.path).line("sitecustomize")
    assert (line.status, str(own.site) in line.what) == ("ok", True)


def test_a_broken_sitecustomize_is_a_warning(
    doctor: Doctor, bare: Interpreter, tmp_path: Path
) -> None:
    """The interpreter goes on without it; so does the agent."""
    own = bare.copy(tmp_path / "own")
    (own.site / "sitecustomize.py").write_text("1 / 0")
    found = doctor(own.path)
    assert (found.code, found.slugs("warning")) == (0, {"sitecustomize-broken"})


def test_a_sitecustomize_before_ours_is_a_problem(
    doctor: Doctor, bare: Interpreter, tmp_path: Path
) -> None:
    """Only the first is executed: without the start file, the agent is not started."""
    path = os.pathsep.join([foreign(tmp_path / "first", "pass"), startup_folder()])
    found = doctor(bare.path, **ON, PYTHONPATH=path)
    assert found.slugs("problem") == {"sitecustomize-shadowed"}
    assert startup_folder() in found.line("sitecustomize-shadowed").remedy


def test_a_wrong_switch_is_a_problem(doctor: Doctor) -> None:
    """Who has set it wants the agent, and does not have it."""
    found = doctor(AUTOINSTRUMENT_ENABLED="ja")
    assert found.code == 1
    expected = "AUTOINSTRUMENT_ENABLED='ja' is ignored; accepted: 1, 0, "
    assert found.line("bad-setting").what.startswith(expected)


def test_a_switched_off_agent_is_the_one_thing_to_say(doctor: Doctor) -> None:
    """Not even `run` starts it then: that is the user's choice, and no problem."""
    found = doctor(AUTOINSTRUMENT_ENABLED="False")
    (line,) = found.data["lines"]
    assert (found.code, found.data["verdict"]) == (
        0,
        "No problems found; off: switched-off.",
    )
    assert line["what"] == "AUTOINSTRUMENT_ENABLED=False turns the agent off here"


def test_a_disabled_sdk_is_a_choice_as_well(doctor: Doctor) -> None:
    """Not even `run` starts the agent then."""
    found = doctor(OTEL_SDK_DISABLED="TRUE")
    assert (found.code, found.slugs("warning", "problem")) == (0, set())
    assert found.line("sdk-disabled").status == "off"


@pytest.mark.parametrize(
    "variable", ["AUTOINSTRUMENT_DISABLE", "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"]
)
def test_a_client_that_is_switched_off_is_said_to_be(doctor: Doctor, variable: str) -> None:
    """It is what the user wanted."""
    found = doctor(**ON, **{variable: "redis,confluent-kafka"})
    assert (found.code, found.slugs("off")) == (0, {"client-disabled"})
    assert found.lines("confluent-kafka") == []


def test_a_bad_setting_takes_no_clients_place(doctor: Doctor) -> None:
    """It is told beside the clients, whichever of them reads the settings first."""
    found = doctor(AUTOINSTRUMENT_KEEP="everything")
    assert found.slugs("warning") == {"bad-setting"}
    assert {"confluent-kafka", "kafka-python", "aiokafka"} <= found.slugs("ok")


def test_publishers_that_a_setting_names_are_told(doctor: Doctor, tmp_path: Path) -> None:
    """And what is wrong with one, without running any of it."""
    (tmp_path / "relay.py").write_text("""
class Frames:
    def send(self, topic): pass
class Publisher(Frames):
    def publish(self, topic, payload, *, key=None, headers=None): pass
    def publish_once(self, topic, **options): pass
    def publish_all(self, topic): yield
def publish(publisher, topic): pass
raise SystemExit("this was run")
""")
    value = (
        "relay:Publisher.publish(topic=topic, key=key);"
        "relay:Publisher.publish_once(topic=topic, key=key)"
    )
    found = doctor(AUTOINSTRUMENT_TRACE=value, PYTHONPATH=str(tmp_path))
    assert [line.what for line in found.lines("publisher")] == [
        "relay:Publisher.publish(topic=topic, key=key) is traced once it is imported",
        "relay:Publisher.publish_once(topic=topic, key=key) is traced once it is imported",
    ]
    assert found.code == 0
    for value, slug, reason in (
        ("rely:publish(topic=topic)", "bad-setting", "there is no module 'rely'"),
        (
            "relay:publish(topic=topc)",
            "bad-setting",
            "it has no argument topc; its arguments are: publisher,",
        ),
        ("relay:Publisher.publish_all(topic=topic)", "bad-setting", "it is a generator"),
        ("relay:Publisher.send(topic=topic)", "publisher-unseen", "is not in the source of relay"),
        ("relay:publish(key=topic)", "bad-setting", "is ignored; accepted: module:Class.method("),
        ("relay.publish", "bad-setting", "is ignored"),
    ):
        found = doctor(AUTOINSTRUMENT_TRACE=value, PYTHONPATH=str(tmp_path))
        assert reason in found.line(slug).what
        assert (found.code == 1) == (slug == "bad-setting")


def test_a_client_that_is_too_old_is_a_problem(doctor: Doctor, tmp_path: Path) -> None:
    """The sentence is the one that a service would log; the remedy installs a later one."""
    found = doctor(PYTHONPATH=distributions(tmp_path / "old", confluent_kafka="1.9.2"))
    assert found.slugs("problem") == {"client-unsupported"}
    line = found.line("client-unsupported")
    assert line.what == "confluent-kafka 1.9.2 is not traced; 2.3 and later are"
    assert line.remedy.endswith("'confluent-kafka>=2.3'")


def test_an_interpreter_without_a_client_is_a_problem(
    doctor: Doctor, bare: Interpreter, tmp_path: Path
) -> None:
    """It is seldom the interpreter of the service."""
    empty = bare.copy(tmp_path / "empty")
    for package in empty.site.glob("*kafka*"):
        package.unlink()
    found = doctor(empty.path)
    assert found.slugs("problem") == {"client-missing"}
    assert "doctor -- COMMAND" in found.line("client-missing").remedy


def test_it_says_where_a_unit_of_work_is_not_current(doctor: Doctor, tmp_path: Path) -> None:
    """In threads without the extra, and where an older Python's wait_for awaits a message."""
    assert doctor().line("threads").status == "ok"
    (tmp_path / "sitecustomize.py").write_text(
        "import sys; sys.modules['opentelemetry.instrumentation.threading'] = None"
    )
    without = doctor(PYTHONPATH=str(tmp_path), **ON)
    assert without.data["verdict"] == "No problems found."  # nobody has asked for the extra
    package = "opentelemetry-instrumentation-threading"
    assert without.line("threads").what.endswith(f" -m pip install {package}")
    assert bool(doctor().lines("wait-for")) == (sys.version_info < (3, 12))
    assert not doctor(AUTOINSTRUMENT_CONSUMERS="off").lines("threads")


def test_what_is_installed_and_fails_is_not_to_be_installed(doctor: Doctor) -> None:
    """A propagator that is not there keeps the instrumentation of threads from being imported."""
    line = doctor(OTEL_PROPAGATORS="b3").line("threads")
    assert line.status == "warning"
    assert "opentelemetry.instrumentation.threading fails with ValueError in " in line.what
    assert "pip" not in line.remedy


def test_a_client_of_somebody_elses_adapter_is_traced(doctor: Doctor, client: Path) -> None:
    """It is found as the agent finds it."""
    found = doctor(PYTHONPATH=str(client))
    what = found.line("kafka_client").what
    assert what == "kafka_client is traced, in kafka_client, by counting"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("import no_such_library", "ModuleNotFoundError: No module named 'no_such_library'"),
        ("raise SystemExit('no licence')", "SystemExit: no licence"),
        ("def instal(module): pass", "TypeError: counting has no install(module)"),
        ("def install(module): raise ValueError('no such class')", "ValueError: no such class"),
        ("def install(module): raise SystemExit", "SystemExit: "),
        (
            "from autoinstrument.adapter import Client\nCLIENT = Client('c', 'c', oldest='2.1')",
            "TypeError: oldest is no tuple of whole numbers: '2.1'",
        ),
    ],
)
def test_an_adapter_that_fails_is_one_problem(
    doctor: Doctor, client: Path, text: str, what: str
) -> None:
    """With the words of the adapter; its client stays untraced, the others do not."""
    (client / "counting.py").write_text(text)
    found = doctor(PYTHONPATH=str(client))
    assert (found.code, found.data["verdict"]) == (
        1,
        "1 problem: adapter-failed; off: not-enabled.",
    )
    line = found.line("adapter-failed")
    assert line.what.endswith(f": {what}; the application goes on")
    assert ("the adapter counting failed" in line.what, "Reinstall" in line.remedy) == (True, False)
    assert found.lines("kafka_client") == []
    assert "confluent-kafka" in found.slugs("ok")


def test_an_adapter_is_examined_where_the_agent_does_not_start(
    doctor: Doctor, bare: Interpreter, client: Path
) -> None:
    """Its fault is told although no client is imported."""
    (client / "counting.py").write_text("raise SystemExit(3)")
    found = doctor(bare.path, **ON, PYTHONPATH=str(client))
    assert found.line("adapter-failed").what.endswith("SystemExit: 3; the application goes on")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "counting has no CLIENT"),
        ("CLIENT = 'kafka-client'", "counting has a CLIENT that is a str"),
    ],
)
def test_an_adapter_that_does_not_say_what_it_is_for_is_a_warning(
    doctor: Doctor, client: Path, text: str, what: str
) -> None:
    """It traces its client, whose version cannot be checked."""
    (client / "counting.py").write_text(f"{text}\ndef install(module): pass\n")
    found = doctor(PYTHONPATH=str(client))
    assert (found.code, found.slugs("warning")) == (0, {"adapter-incomplete"})
    assert found.line("adapter-incomplete").what.startswith(f"{what};")
    assert found.line("kafka_client").what.endswith("by counting")


_COMPLETE = """
from autoinstrument.adapter import Client
CLIENT = Client("kafka-client", "kafka_client")
def install(module): module.installed += 1
"""


def test_an_adapter_may_import_its_client(doctor: Doctor, client: Path) -> None:
    """The client comes first, as in an application: else the adapter is only half-imported."""
    (client / "counting.py").write_text(f"import kafka_client\n{_COMPLETE}")
    found = doctor(PYTHONPATH=str(client))
    assert found.slugs("warning", "problem") == set()
    assert found.line("kafka-client").what == "kafka-client is traced, in kafka_client, by counting"


def test_an_entry_point_that_is_wrong_is_not_the_clients_fault(
    doctor: Doctor, client: Path
) -> None:
    """It hooks a module that the client does not have, or names no adapter."""
    (client / "counting.py").write_text(_COMPLETE)
    (client / "another.py").write_text(_COMPLETE)
    add_distribution(
        client,
        "kafka_client.nowhere = another",
        "kafka_client.client = not a module",
        "kafka_client.other = another:install",
    )
    found = doctor(PYTHONPATH=str(client))
    # OpenTelemetry fails where importlib-metadata, as version 9 does, refuses a whole list for it.
    assert (found.code, found.slugs("problem") - {"agent-failed"}) == (1, {"adapter-failed"})
    assert sorted(line.what for line in found.lines("adapter-failed")) == [
        "another hooks kafka_client.nowhere, which kafka_client does not have",
        "the entry point kafka_client.client = 'not a module' names no module",
        "the entry point kafka_client.other = 'another:install' names no module",
    ]
    assert found.line("kafka-client").what.endswith("by counting")


def test_two_adapters_of_one_client_are_a_warning(doctor: Doctor, client: Path) -> None:
    """Unless one is switched off, by the name that the warning gives."""
    for name in "counting", "another":
        (client / f"{name}.py").write_text(_COMPLETE)
    add_distribution(client, "kafka_client = another")
    found = doctor(PYTHONPATH=str(client))
    assert (found.code, found.slugs("warning")) == (0, {"adapter-twice"})
    line = found.line("adapter-twice")
    assert line.what.startswith("kafka-client is traced by two adapters, ")
    name = line.remedy.rpartition("=")[2]
    found = doctor(PYTHONPATH=str(client), AUTOINSTRUMENT_DISABLE=name)
    assert (found.slugs("warning"), found.slugs("off")) == (
        set(),
        {"client-disabled", "not-enabled"},
    )


def test_a_disabled_adapter_is_not_imported_by_the_doctor(doctor: Doctor, client: Path) -> None:
    """Whoever switches a broken one off has no more trouble with it."""
    (client / "counting.py").write_text("1 / 0")
    found = doctor(PYTHONPATH=str(client), AUTOINSTRUMENT_DISABLE="counting")
    assert (found.code, found.slugs("warning", "problem")) == (0, set())
    assert found.line("client-disabled").what.startswith("kafka_client is not traced: ")


def test_an_adapter_that_only_another_client_brings_is_a_warning(
    doctor: Doctor, client: Path
) -> None:
    """Entry points are read when a package with "kafka" in its name is imported: not for this."""
    (client / "franz.py").write_text("installed = 0")
    (client / "another.py").write_text(_COMPLETE.replace("kafka-client", "franz"))
    add_distribution(client, "franz = another")
    found = doctor(PYTHONPATH=str(client))
    assert "adapter-late" in found.slugs("warning")
    assert "autoinstrument.activate()" in found.line("adapter-late").remedy
    program = "import franz, autoinstrument; {}; print(franz.installed)"
    for call, installed in ("pass", 0), ("autoinstrument.activate()", 1):
        done = HERE.run("-c", program.format(call), **ON, PYTHONPATH=str(client))
        assert (done.stdout, done.stderr) == (f"{installed}\n", "")


def test_an_adapter_says_which_client_it_lacks(doctor: Doctor, client: Path) -> None:
    """The client is not there, or too old, or is not what the adapter has been written for."""
    declared = """
from autoinstrument.adapter import Client, Unsupported
CLIENT = Client("kafka-client", "kafka_client", oldest=(2, 1))
def install(module): raise Unsupported("send() is not there")
"""
    (client / "counting.py").write_text(declared)
    refused = doctor(PYTHONPATH=str(client))
    assert refused.line("client-unsupported").what == "kafka-client: send() is not there"
    metadata = client / "kafka_client-2.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: kafka-client\nVersion: 2.0\n")
    old = doctor(PYTHONPATH=str(client)).line("client-unsupported")
    assert old.what == "kafka-client 2.0 is not traced; 2.1 and later are"
    done = HERE.run("-c", "import kafka_client", **ON, PYTHONPATH=str(client))
    assert "kafka-client: version 2.0 is not traced; 2.1 and later are" in done.stderr
    assert old.remedy.endswith("-m pip install 'kafka-client>=2.1'")
    (client / "kafka_client.py").unlink()
    missing = doctor(PYTHONPATH=str(client)).line("adapter-unused")
    assert missing.status == "warning"
    what = "counting hooks kafka_client, but there is no module kafka_client here"
    assert missing.what == what


@pytest.mark.parametrize("text", ["import no_such_library", "raise SystemExit('no_such_library')"])
def test_a_client_that_cannot_be_imported_is_a_problem(
    doctor: Doctor, client: Path, text: str
) -> None:
    """It fails without the agent, too."""
    (client / "kafka_client.py").write_text(text)
    found = doctor(PYTHONPATH=str(client))
    assert found.slugs("problem") == {"client-broken"}
    assert "no_such_library" in found.line("client-broken").what


def test_a_client_that_is_imported_before_the_agent_is_a_problem(
    doctor: Doctor, bare: Interpreter, tmp_path: Path
) -> None:
    """The package has bound its classes: to replace them in the C module comes too late."""
    source = "import confluent_kafka\nfrom autoinstrument.start import boot\nboot()\n"
    path = os.pathsep.join([foreign(tmp_path / "early", source), HOME])
    found = doctor(bare.path, **ON, PYTHONPATH=path)
    assert found.slugs("problem") == {"imported-early"}


def test_a_client_that_is_imported_after_the_agent_is_traced(
    doctor: Doctor, tmp_path: Path
) -> None:
    """Near miss: a sitecustomize that imports it comes after the start file."""
    found = doctor(**ON, PYTHONPATH=foreign(tmp_path / "late", "import confluent_kafka"))
    assert found.slugs("problem") == set()
    assert "confluent_kafka.cimpl" in found.line("confluent-kafka").what


def test_another_agent_is_named_when_installed_and_a_warning_when_active(
    doctor: Doctor, tmp_path: Path
) -> None:
    """One that only lies there traces nothing."""
    path = distributions(tmp_path / "agents", newrelic="14.1.0", ddtrace="4.16.0")
    (tmp_path / "agents" / "ddtrace.py").touch()
    (tmp_path / "agents" / "sitecustomize.py").write_text("import ddtrace")
    found = doctor(PYTHONPATH=path)
    assert (found.code, found.slugs("warning")) == (0, {"other-agent"})
    assert found.line("other-agent").what == "ddtrace starts with this interpreter"
    assert "this agent's spans are made as well" in found.line("other-agent").why
    assert any("newrelic 14.1.0 is installed" in each.what for each in found.lines("other-agents"))
    bridged = doctor(PYTHONPATH=path, DD_TRACE_OTEL_ENABLED="true").line("other-agent")
    assert "If it makes a span of a write, this agent makes none" in bridged.why


@pytest.mark.parametrize("client", ["confluent-kafka", "kafka-python", "aiokafka"])
def test_a_client_of_two_agents_has_one_line(doctor: Doctor, tmp_path: Path, client: str) -> None:
    """It says how the other one is left out."""
    module = client.replace("-python", "").replace("-", "_")
    source = f"import opentelemetry.instrumentation.{module}"
    found = doctor(PYTHONPATH=foreign(tmp_path / "other", source))
    assert not found.lines(client)
    line = found.line("other-agent")
    assert line.what.startswith(f"{client} is traced by this agent, and by opentelemetry-")
    assert ("=kafka." if client == "kafka-python" else f"-{client} (") in line.remedy


def test_bad_settings_are_told_in_the_words_of_a_service(doctor: Doctor) -> None:
    """Variable, value and what is accepted; they cost no spans."""
    found = doctor(
        AUTOINSTRUMENT_PROPAGATE="perhaps",
        AUTOINSTRUMENT_ROOT_SPANS="yes",
        OTEL_BSP_MAX_QUEUE_SIZE="-1",
        OTEL_PROPAGATORS="pigeon",
        OTEL_TRACES_SAMPLER="traceidratio",
        OTEL_TRACES_SAMPLER_ARG="often",
    )
    assert (found.code, found.slugs("warning", "problem")) == (0, {"bad-setting", "threads"})
    said = {line.what for line in found.lines("bad-setting")}
    assert said >= {
        f"AUTOINSTRUMENT_PROPAGATE='perhaps' is ignored; accepted: {ACCEPTED}",
        "AUTOINSTRUMENT_ROOT_SPANS='yes' is ignored; accepted: auto, off",
        "OTEL_BSP_MAX_QUEUE_SIZE='-1' is ignored; accepted: a positive whole number",
        "OTEL_TRACES_SAMPLER_ARG='often' is ignored; accepted: a number from 0 to 1",
    }
    assert len(said) == 5
    assert any("pigeon" in what for what in said)


def test_what_otlp_does_not_accept_is_told_in_one_line_each(doctor: Doctor) -> None:
    """For spans and for metrics; the path of a key is not told."""
    found = doctor(
        OTEL_TRACES_EXPORTER="otlp,otpl",
        OTEL_METRICS_EXPORTER="otlp,promethus",
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{free_port()}",
        OTEL_EXPORTER_OTLP_TIMEOUT="10s",
        OTEL_EXPORTER_OTLP_METRICS_TIMEOUT="-1",
        OTEL_EXPORTER_OTLP_COMPRESSION="zip",
        OTEL_EXPORTER_OTLP_PROTOCOL="http/json",
        OTEL_EXPORTER_OTLP_CLIENT_KEY="/SECRET.key",
        OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE="both",
        OTEL_PYTHON_ID_GENERATOR="dice",
        OTEL_SDK_DISABLED="yes",
    )
    preferred = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"
    said = sorted(line.what for line in found.lines("bad-setting"))
    assert said == [
        "OTEL_EXPORTER_OTLP_CLIENT_KEY is no file that can be read; accepted: a file in PEM format",
        "OTEL_EXPORTER_OTLP_COMPRESSION='zip' is ignored; accepted: none, gzip, deflate",
        f"{preferred}='both' is ignored; accepted: cumulative, delta, lowmemory",
        "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT='-1' is ignored; accepted: a number of seconds",
        "OTEL_EXPORTER_OTLP_PROTOCOL='http/json' is ignored; accepted: grpc, http/protobuf",
        "OTEL_EXPORTER_OTLP_TIMEOUT='10s' is ignored; accepted: a number of seconds",
        "OTEL_PYTHON_ID_GENERATOR='dice' is ignored; accepted: random",
        "OTEL_SDK_DISABLED='yes' is ignored; accepted: true, false",
    ]
    missing = {line.what.partition(",")[0] for line in found.lines("exporter-missing")}
    assert missing == {
        "OTEL_TRACES_EXPORTER names 'otpl'",
        "OTEL_METRICS_EXPORTER names 'promethus'",
    }
    assert "SECRET" not in str(found.data)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("AUTOINSTRUMENT_RECORDS", "did you mean AUTOINSTRUMENT_RECORD?"),
        ("AUTOINSTRUMENT_QUEUE", "for all of them, run: autoinstrument help settings"),
    ],
)
def test_a_setting_that_there_is_not_is_told(doctor: Doctor, name: str, hint: str) -> None:
    """Whatever reads the settings first."""
    for more in {}, {"AUTOINSTRUMENT_TRACE": "relay:publish(topic=where)", **ON}:
        found = doctor(**{name: "SECRET"}, **more)
        said = [line.what for line in found.lines("bad-setting") if name in line.what]
        assert said == [f"{name} is ignored: there is no such setting; {hint}"]


def test_publishers_that_cannot_be_read_are_a_problem(doctor: Doctor) -> None:
    """None of them is traced, and that is said once."""
    for more in {}, ON:
        found = doctor(AUTOINSTRUMENT_TRACE="relay.publish", **more)
        assert (found.code, found.slugs("problem")) == (1, {"bad-setting"})
        assert "relay.publish" in found.line("bad-setting").what


def test_what_is_not_recorded_or_not_propagated_is_said(doctor: Doctor) -> None:
    """A sampler that drops everything is a warning; propagation is switched off on purpose."""
    found = doctor(OTEL_TRACES_SAMPLER="always_off", AUTOINSTRUMENT_PROPAGATE="0")
    assert found.code == 0
    assert found.line("sampler-off").status == "warning"
    assert found.line("propagation-off").status == "off"


def test_a_ratio_of_zero_is_a_sampler_that_is_off(doctor: Doctor) -> None:
    """And no propagator is no propagation."""
    found = doctor(
        OTEL_TRACES_SAMPLER="parentbased_traceidratio",
        OTEL_TRACES_SAMPLER_ARG="0",
        OTEL_PROPAGATORS="none",
    )
    assert found.line("sampler-off").status == "warning"
    assert "OTEL_PROPAGATORS" in found.line("propagation-off").what


def test_an_unknown_sampler_is_a_bad_setting(doctor: Doctor) -> None:
    """What is accepted is what is installed. Spans that go nowhere are a warning."""
    found = doctor(OTEL_TRACES_SAMPLER="sometimes", OTEL_TRACES_EXPORTER="none")
    assert (found.code, found.slugs("warning")) == (0, {"bad-setting", "no-exporter"})
    assert "accepted: always_off, always_on" in found.line("bad-setting").what


def test_an_exporter_that_is_not_installed_is_a_problem(doctor: Doctor) -> None:
    """The sentence says what to install, and nothing that cannot be typed."""
    found = doctor(OTEL_TRACES_EXPORTER="pigeon")
    assert (found.code, found.slugs("problem")) == (1, {"exporter-missing"})
    assert "OTEL_TRACES_EXPORTER names 'pigeon'" in found.line("exporter-missing").what


def test_an_exporter_that_cannot_be_made_is_a_problem(doctor: Doctor) -> None:
    """Its own words say which variable it does not like."""
    found = doctor(
        OTEL_TRACES_EXPORTER="otlp",
        OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
        OTEL_EXPORTER_OTLP_TRACES_TIMEOUT="soon",
    )
    assert (found.code, found.slugs("problem")) == (1, {"exporter-unusable"})
    assert "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT" in found.line("exporter-unusable").what


def test_an_endpoint_that_takes_spans_is_asked_as_the_exporter_would(
    doctor: Doctor, otlp_endpoint: Endpoint
) -> None:
    """One request, with no span in it and with the user's headers."""
    headers = {"OTEL_EXPORTER_OTLP_HEADERS": "x-tenant=seed"}
    found = doctor(**otlp_endpoint.environment, **headers)
    assert found.code == 0
    assert (
        found.line("endpoint").what == f"{otlp_endpoint.url}/v1/traces answers with HTTP status 200"
    )
    assert "(OTEL_TRACES_EXPORTER)" in found.line("exporter").what
    (request,) = otlp_endpoint.requests
    assert (request.path, request.headers["x-tenant"]) == ("/v1/traces", "seed")
    assert otlp_endpoint.spans() == []


def test_an_endpoint_that_refuses_is_a_problem_and_no_secret_is_printed(
    otlp_endpoint: Endpoint, tmp_path: Path
) -> None:
    """Neither the headers nor the user of a URL, as data or as text."""
    otlp_endpoint.status = 404
    address = otlp_endpoint.url.removeprefix("http://")
    variables = {
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"http://me:hunter2@{address}/v1/traces",
        "OTEL_EXPORTER_OTLP_HEADERS": "api-key=hunter2",
    }
    for options in [], ["--json"]:
        ended = HERE.run("-m", "autoinstrument", "doctor", *options, cwd=tmp_path, **variables)
        assert ended.returncode == 1
        assert "endpoint-refuses" in ended.stdout
        assert f"http://{address}/v1/traces answers with HTTP status 404" in " ".join(
            ended.stdout.split()
        )
        assert "hunter2" not in ended.stdout + ended.stderr
    assert otlp_endpoint.requests[0].headers["authorization"].startswith("Basic ")


@pytest.mark.parametrize(
    ("status", "slug", "words"),
    [
        (401, "endpoint-refuses", "OTEL_EXPORTER_OTLP_HEADERS"),
        (404, "endpoint-refuses", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"),
        (413, "endpoint-refuses", "collector"),
        (307, "endpoint-error", "collector"),
        (429, "endpoint-error", "collector"),
        (503, "endpoint-error", "collector"),
    ],
)
def test_an_answer_that_is_no_success_has_a_remedy(
    otlp_endpoint: Endpoint, status: int, slug: str, words: str
) -> None:
    """What will not change by itself is a problem; what may is a warning."""
    otlp_endpoint.status = status
    line = endpoints.http(f"{otlp_endpoint.url}/v1/traces")
    assert (line.slug, words in line.remedy) == (slug, True)
    assert (line.status == "problem") == (slug == "endpoint-refuses")


def test_nobody_at_the_endpoint_is_a_problem() -> None:
    """The reason is the system's: over HTTP and over gRPC."""
    port = free_port()
    for line in (
        endpoints.http(f"http://127.0.0.1:{port}/v1/traces"),
        endpoints.grpc(f"127.0.0.1:{port}", plain=True),
    ):
        assert (line.status, line.slug) == ("problem", "endpoint-unreachable")
        assert line.what.endswith(" cannot be reached: Connection refused")


@pytest.mark.parametrize("url", ["localhost:4318/v1/traces", "http://h:port/", "ftp://h/"])
def test_an_endpoint_that_is_no_url_is_a_problem(url: str) -> None:
    """The remedy shows how to write one."""
    line = endpoints.http(url)
    assert (line.status, line.slug) == ("problem", "endpoint-invalid")
    assert "http://HOST:PORT" in line.remedy


def test_a_target_of_grpc_that_is_no_address_is_a_problem() -> None:
    """A port has to be a number."""
    line = endpoints.grpc("me:hunter2@host:port", plain=True)
    assert (line.slug, line.what) == (
        "endpoint-invalid",
        "host:port is not a valid endpoint address",
    )


@pytest.fixture
def stranger() -> Iterator[str]:
    """Give a host and port where the answer to anything is not HTTP, as that of a gRPC server."""

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            self.request.recv(1)
            self.wfile.write(b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x05\x00\x00\x40\x00")

    with TCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_the_port_of_the_other_protocol_is_a_problem(
    stranger: str, otlp_endpoint: Endpoint
) -> None:
    """4317 and 4318 are often mixed up: both listen, and each takes only its own."""
    http = endpoints.http(f"http://{stranger}/v1/traces")
    assert (http.slug, "PROTOCOL=grpc" in http.remedy) == ("endpoint-protocol", True)
    grpc = endpoints.grpc(otlp_endpoint.url.removeprefix("http://"), plain=True)
    assert (grpc.slug, "PROTOCOL=http/protobuf" in grpc.remedy) == ("endpoint-protocol", True)
    assert endpoints.grpc(stranger, plain=True).status == "ok"


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_a_collector_is_reached(doctor: Doctor, rotel: Rotel, protocol: str) -> None:
    """A real one, that is not ours, over both protocols."""
    found = doctor(**rotel.environment(protocol))
    assert (found.code, found.line("endpoint").status) == (0, "ok")


@pytest.mark.parametrize(
    "url",
    ["http://u:pw@h:1/a?key=pw#pw", "http://u:p/w@h:1/a", "http://u:p@w@h:1/a", "http://h:1/a"],
)
def test_a_url_is_shown_without_credentials(url: str) -> None:
    """Whatever letters a password has, and wherever in the URL a token is."""
    assert endpoints.without_credentials(url) == "http://h:1/a"


def test_secrets_in_the_words_of_others_are_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """Header values, plain or percent-encoded, and the user of a URL."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20hunter2,k=open sesame")
    words = "no Bearer hunter2, no Bearer%20hunter2, no open sesame at http://me:hunter2@host/"
    assert without_secrets(words) == "no ***, no ***, no *** at http://host/"


def test_a_recording_that_cannot_be_written_is_a_problem(doctor: Doctor, tmp_path: Path) -> None:
    """A path below a file, and a file that is something else, which is left as it was."""
    other = tmp_path / "notes.txt"
    other.write_text("mine")
    for record, reason in (
        (other / "folder", "Not a directory"),
        (other, "it exists and is not a recording"),
    ):
        found = doctor(AUTOINSTRUMENT_RECORD=str(record))
        assert (found.code, found.slugs("problem")) == (1, {"recording-unwritable"})
        assert f"{record} cannot be written: {reason}" in found.line("recording-unwritable").what
    assert other.read_text() == "mine"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no limit on the size of files")
@pytest.mark.parametrize("there", [None, BEGINNING])
def test_a_place_without_room_for_a_recording_is_a_problem(
    tmp_path: Path, there: bytes | None
) -> None:
    """A full disk takes an empty file; what it does not take here is a limit on its size."""
    import resource

    record = tmp_path / "recording.jsonl"
    if there is not None:
        record.write_bytes(there)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        reason = destinations._unwritable(record)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert reason == "File too large"
    assert list(tmp_path.iterdir()) == [record] * (there is not None)


def test_a_recording_that_can_be_written_is_not_begun(doctor: Doctor, tmp_path: Path) -> None:
    """To examine leaves nothing behind."""
    record = tmp_path / "new" / "recording.jsonl"
    line = doctor(AUTOINSTRUMENT_RECORD=str(record)).line("recording")
    assert line == Line("ok", "recording", f"the file {record} (AUTOINSTRUMENT_RECORD)")
    assert not record.parent.exists()


def test_what_earlier_runs_have_dropped_is_a_warning(doctor: Doctor, tmp_path: Path) -> None:
    """A recording says it; other lines, and what is cut off, say nothing."""
    counter = {
        "name": "autoinstrument.spans.dropped",
        "sum": {"dataPoints": [{"asInt": "1234"}]},
    }
    cost = {
        "name": "autoinstrument.cost",
        "gauge": {
            "dataPoints": [
                {
                    "asDouble": 1e-5,
                    "attributes": [
                        {"key": "autoinstrument.part", "value": {"stringValue": "background"}}
                    ],
                }
            ]
        },
    }
    metrics = {"resource": {}, "scopeMetrics": [{"metrics": [cost, counter]}]}
    record = tmp_path / "recording.jsonl"
    record.write_text(f'[]\nnothing\n{{"resourceMetrics":[{json.dumps(metrics)}]}}\n')
    assert not doctor(AUTOINSTRUMENT_RECORD=str(tmp_path / "none.jsonl")).lines("spans-dropped")
    found = doctor(AUTOINSTRUMENT_RECORD=str(tmp_path)).line("spans-dropped")
    assert (found.status, found.what.partition(" spans")[0]) == ("warning", "1,234")
    assert all(cause in found.remedy for cause in ("export-failed", "agent-failed"))


def test_an_exporter_that_only_the_sdk_can_encode_for_is_said_to_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It works as any other, and costs what the SDK costs."""
    exporter = OTLPSpanExporter()
    assert "needs the SDK's slower encoder" not in destinations._destination(exporter)[0].what
    monkeypatch.setattr(destinations, "lean_transport", lambda _: None)
    line = destinations._destination(exporter)[0]
    assert (line.status, "needs the SDK's slower encoder" in line.what) == ("ok", True)


def test_a_script_is_examined_in_the_interpreter_that_it_names(
    doctor: Doctor, bare: Interpreter, tmp_path: Path
) -> None:
    """As installers write them; the script itself is not run."""
    script = tmp_path / "serve"
    script.write_text(f"#!{bare.path}\nraise SystemExit('it was run')\n")
    script.chmod(0o755)
    found = doctor("serve", PATH=str(tmp_path))
    assert (found.code, str(bare.path) in found.line("python").what) == (0, True)


@pytest.mark.parametrize(
    ("command", "slug"), [("no-such-command", "command-not-found"), ("sh", "command-unknown")]
)
def test_a_command_that_is_not_python_cannot_be_known(
    doctor: Doctor, command: str, slug: str
) -> None:
    """A sentence, a remedy and exit code 1."""
    found = doctor(command, "-c", "exit 0")
    assert (found.code, found.slugs("problem")) == (1, {slug})
    assert "doctor -- /path/to/python" in found.line(slug).remedy


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("#!/opt/python3.11\n", ["/opt/python3.11"]),
        ("#!/usr/bin/python3 -sP\n", ["/usr/bin/python3", "-s", "-P"]),
        ("#!/usr/bin/env python3\n", ["python3"]),
        ("#!/usr/bin/env -S python3 -I\n", ["python3", "-I"]),
        ("#!/bin/sh\n'''exec' \"/a long/python\" \"$0\" \"$@\"\n' '''\n", ["/a long/python"]),
        ("#!/bin/sh\nexec python app.py\n", None),
        ("#!/usr/bin/env bash\n", None),
        ("#!\n", None),
        ("\x7fELF", None),
        ("", None),
    ],
)
def test_the_first_lines_of_a_script_name_its_interpreter(
    tmp_path: Path, head: str, expected: list[str] | None
) -> None:
    """Anything else than Python is not guessed at."""
    script = tmp_path / "script"
    script.write_text(head)
    script.chmod(0o755)
    if expected is None:
        with pytest.raises(NoInterpreterError):
            interpreter([str(script)])
    else:
        assert interpreter([str(script), "-I"]) == expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("-I app.py -S", ["-I"]),
        ("-uBsE app.py", ["-s", "-E"]),
        ("-Wignore -W error -X dev -Xutf8 -Im app -S", ["-Xdev", "-Xutf8", "-I"]),
        ("-Ic pass -S", ["-I"]),
        ("-mSphinx -I", []),
        ("--check-hash-based-pycs always -S - -I", ["-S"]),
        ("-- -S", []),
        ("", []),
    ],
)
def test_the_options_of_a_command_are_those_before_its_program(
    arguments: str, expected: list[str]
) -> None:
    """Only those that decide on what is read at the start."""
    assert interpreter(["python3", *arguments.split()]) == ["python3", *expected]


@pytest.mark.parametrize(
    ("launcher", "whose", "remedy"),
    [
        ("opentelemetry-instrument", "this agent makes none", "uninstall"),
        ("ddtrace-run", "this agent's spans are made as well", "turn its Kafka tracing off"),
    ],
)
def test_the_launcher_of_another_agent_is_a_warning(
    doctor: Doctor, tmp_path: Path, launcher: str, whose: str, remedy: str
) -> None:
    """Its agent is not active in the examination, so the command itself is looked at."""
    script = tmp_path / launcher
    script.write_text(f"#!{sys.executable}\n")
    script.chmod(0o755)
    line = doctor(script, "python", "app.py").line("other-agent")
    assert launcher in line.what
    assert whose in line.why
    assert remedy in line.remedy
