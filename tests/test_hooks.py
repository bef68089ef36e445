"""The finder calls an adapter once its module has been executed, and changes nothing else."""

from __future__ import annotations

import importlib
import importlib.util
import signal
import sys
import threading
import zipfile
from dataclasses import dataclass, field
from functools import partial
from importlib.machinery import PathFinder, SourceFileLoader
from typing import TYPE_CHECKING, Any

import importlib_metadata  # noqa: F401 - it puts a finder of its own where a test would lose it
import pytest
import wrapt
from interpreters import ON, Interpreter, add_distribution

from autoinstrument.agent import adapters
from autoinstrument.process import guard as _guard
from autoinstrument.process import notices
from autoinstrument.start import finder as _hooks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import ModuleType


@dataclass
class Adapter:
    """An adapter, importable by `name`, that remembers the modules it was called with."""

    name: str
    modules: list[ModuleType] = field(default_factory=list)
    error: BaseException | None = None

    def install(self, module: ModuleType) -> None:
        """Do what the finder asks of an adapter."""
        self.modules.append(module)
        if self.error:
            raise self.error


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a folder that modules are imported from; they, and every finder, are gone afterwards."""
    before = set(sys.modules)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # a source is rewritten within a second
    yield tmp_path
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__spec__", None) is None or name.startswith("victim"):
            del sys.modules[name]


@pytest.fixture
def adapter(monkeypatch: pytest.MonkeyPatch) -> Adapter:
    """Give an adapter that can be imported."""
    return _importable(monkeypatch, "an_adapter")


def _importable(monkeypatch: pytest.MonkeyPatch, name: str) -> Adapter:
    adapter = Adapter(name)
    monkeypatch.setitem(sys.modules, name, adapter)
    return adapter


def _hook(*adapters: Adapter, module: str = "victim") -> _hooks.Finder:
    finder = _hooks.Finder({module: [adapter.name for adapter in adapters]})
    sys.meta_path.insert(0, finder)
    return finder


def _write(path: Path, source: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source)
    importlib.invalidate_caches()


def _import(name: str = "victim") -> Any:
    return importlib.import_module(name)


def test_an_adapter_gets_the_module_when_it_has_been_executed(
    folder: Path, adapter: Adapter
) -> None:
    """The body is through, the import is not: nobody has the module yet."""
    _write(folder / "victim.py", "late = 1\n")
    seen: list[Any] = []
    adapter.install = lambda module: seen.append((module.__name__, module.late))  # type: ignore[method-assign]
    _hook(adapter)
    _import()
    _import()
    assert seen == [("victim", 1)]


def test_a_module_that_is_not_hooked_is_not_touched(folder: Path, adapter: Adapter) -> None:
    """The finder does not even look for it."""
    _write(folder / "victim_too.py", "")
    finder = _hook(adapter)
    assert finder.find_spec("victim_too") is None
    assert type(_import("victim_too").__spec__.loader) is SourceFileLoader


def test_a_module_has_its_own_loader_when_it_is_executed(folder: Path, adapter: Adapter) -> None:
    """Resources and sources are found through the loader, by the body and by anybody later."""
    _write(folder / "victim.py", "import sys\nduring = __loader__, __spec__.loader\n")
    _hook(adapter)
    victim = _import()
    loaders = (*victim.during, victim.__loader__, victim.__spec__.loader)
    assert [type(loader) for loader in loaders] == [SourceFileLoader] * 4


def test_looking_for_a_module_calls_no_adapter(folder: Path, adapter: Adapter) -> None:
    """`find_spec` by anybody shows the loader that the module would have had."""
    _write(folder / "victim.py", "x = 1\n")
    _hook(adapter)
    spec = importlib.util.find_spec("victim")
    assert spec is not None
    assert isinstance(spec.loader, SourceFileLoader)
    assert spec.loader.get_source("victim") == "x = 1\n"
    assert spec.origin == str(folder / "victim.py")
    assert adapter.modules == []


def test_a_spec_that_is_executed_by_hand_calls_the_adapter(folder: Path, adapter: Adapter) -> None:
    """`module_from_spec` and `exec_module` are an import as well."""
    _write(folder / "victim.py", "")
    _hook(adapter)
    spec = importlib.util.find_spec("victim")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert adapter.modules == [module]


def test_a_reload_calls_the_adapter_again(folder: Path, adapter: Adapter) -> None:
    """The body has bound the client's own names again."""
    _write(folder / "victim.py", "")
    _hook(adapter)
    victim = _import()
    importlib.reload(victim)
    assert adapter.modules == [victim, victim]


def test_a_second_import_calls_the_adapter_again(folder: Path, adapter: Adapter) -> None:
    """A module that was taken out of `sys.modules` comes back as another one."""
    _write(folder / "victim.py", "")
    _hook(adapter)
    first = _import()
    del sys.modules["victim"]
    second = _import()
    assert first is not second
    assert adapter.modules == [first, second]


def test_a_failed_import_fails_as_before_and_may_be_tried_again(
    folder: Path, adapter: Adapter
) -> None:
    """An error of the body is the application's; the adapter waits for the import that succeeds."""
    _write(folder / "victim.py", "1 / 0")
    _hook(adapter)
    with pytest.raises(ZeroDivisionError):
        _import()
    assert adapter.modules == []
    assert "victim" not in sys.modules
    _write(folder / "victim.py", "")
    victim = _import()
    assert adapter.modules == [victim]


def test_a_missing_module_is_missing_as_before(folder: Path, adapter: Adapter) -> None:
    """A hooked client need not be there."""
    del folder
    _hook(adapter)
    with pytest.raises(ModuleNotFoundError, match="No module named 'victim'"):
        _import()


class AskingFinder:
    """Asks every finder in turn, as wrapt's and ddtrace's do, and has nothing itself."""

    def __init__(self) -> None:
        self._asking = False

    def find_spec(self, name: str, *_: Any) -> Any:
        """Return what all the others find."""
        if self._asking:
            return None
        self._asking = True
        try:
            return importlib.util.find_spec(name)
        finally:
            self._asking = False


@pytest.mark.parametrize("place", [0, 1])
def test_a_finder_that_asks_all_others_makes_no_second_call(
    folder: Path, adapter: Adapter, place: int
) -> None:
    """Before ours or behind it, the adapter is called once for one import."""
    _write(folder / "victim.py", "")
    _hook(adapter)
    sys.meta_path.insert(place, AskingFinder())
    victim = _import()
    assert adapter.modules == [victim]


@pytest.mark.parametrize("place", [0, 1])
def test_hooks_of_wrapt_are_called_as_well(folder: Path, adapter: Adapter, place: int) -> None:
    """Another agent's import hooks live beside ours."""
    _write(folder / "victim.py", "")
    _hook(adapter)
    theirs: list[ModuleType] = []
    wrapt.register_post_import_hook(theirs.append, "victim")
    finders = [f for f in sys.meta_path if not isinstance(f, wrapt.importer.ImportHookFinder)]
    sys.meta_path[:] = [*finders[:place], wrapt.importer.ImportHookFinder(), *finders[place:]]
    victim = _import()
    assert theirs == adapter.modules == [victim]


class LegacyFinder:
    """What a finder was before Python 3.4; the interpreter asks it until 3.11."""

    def find_module(self, name: str, _path: object = None) -> Any:
        """Return a loader for the one module that it has."""
        spec = PathFinder.find_spec("other") if name == "victim" else None
        return spec and SourceFileLoader(name, str(spec.origin))


@pytest.mark.filterwarnings("ignore::ImportWarning", "ignore::DeprecationWarning")
def test_a_legacy_finder_finds_what_it_would(folder: Path, adapter: Adapter) -> None:
    """A module that it claims stays its own, as long as the interpreter asks it at all."""
    _write(folder / "victim.py", "by = 'path'\n")
    _write(folder / "other.py", "by = 'legacy'\n")
    sys.meta_path.insert(0, LegacyFinder())  # type: ignore[arg-type] # it is none any more
    before = _import().by
    del sys.modules["victim"]
    _hook(adapter)
    assert _import().by == before == ("legacy" if sys.version_info < (3, 12) else "path")
    assert len(adapter.modules) == (sys.version_info >= (3, 12))


def test_another_finders_error_is_the_applications(folder: Path, adapter: Adapter) -> None:
    """What the import system raises comes out as it was."""

    class Broken:
        def find_spec(self, *_: Any) -> None:
            raise KeyError("theirs")

    del folder
    sys.meta_path.insert(0, Broken())
    _hook(adapter)
    with pytest.raises(KeyError, match="theirs"):
        _import()


def test_threads_that_import_at_once_make_one_call(folder: Path, adapter: Adapter) -> None:
    """Each of them gets the module with the adapter installed."""
    _write(folder / "victim.py", "import time; time.sleep(0.05)")
    _hook(adapter)
    start = threading.Barrier(8)
    seen: list[int] = []

    def work() -> None:
        start.wait()
        _import()
        seen.append(len(adapter.modules))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [1] * 8


def test_a_lazy_module_calls_the_adapter_at_its_first_use(folder: Path, adapter: Adapter) -> None:
    """A lazy loader around the hooked one executes the module later, and once."""
    _write(folder / "victim.py", "x = 1\n")
    _hook(adapter)
    spec = importlib.util.find_spec("victim")
    assert spec is not None
    assert spec.loader is not None
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules["victim"] = module
    spec.loader.exec_module(module)
    assert adapter.modules == []
    assert module.x == 1
    assert adapter.modules == [module]
    assert type(module.__spec__.loader) is SourceFileLoader


def test_a_module_in_an_archive_is_hooked(folder: Path, adapter: Adapter) -> None:
    """All modules of an archive share a loader; those that are not hooked are left alone."""
    with zipfile.ZipFile(folder / "app.zip", "w") as archive:
        archive.writestr("victim.py", "import victim_beside\n")
        archive.writestr("victim_beside.py", "")
    sys.path.insert(0, str(folder / "app.zip"))
    _hook(adapter)
    victim = _import()
    assert adapter.modules == [victim]
    assert type(victim.__loader__).__name__ == "zipimporter"


def test_a_namespace_package_is_imported_as_before(
    folder: Path, adapter: Adapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no body after which an adapter could be called; its modules have."""
    _write(folder / "victim" / "inside.py", "")
    beside = _importable(monkeypatch, "beside")
    _hook(beside)
    _hook(adapter, module="victim.inside")
    inside = _import("victim.inside")
    assert adapter.modules == [inside]
    assert beside.modules == []


def test_what_is_already_imported_is_served_at_once(
    folder: Path, adapter: Adapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A start file that is read before ours may import a client."""
    _write(folder / "victim.py", "")
    victim = _import()
    monkeypatch.setattr(_hooks, "ADAPTERS", {"ours": ("victim", "victim_later")})
    monkeypatch.setitem(sys.modules, "autoinstrument.adapters.ours", adapter)
    _hooks.install()
    assert adapter.modules == [victim]
    assert isinstance(sys.meta_path[0], _hooks.Finder)


@pytest.mark.parametrize(
    "variable", ["AUTOINSTRUMENT_DISABLE", "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"]
)
@pytest.mark.parametrize("value", ["a-client", "a_client", "other, a-client", "*"])
def test_a_disabled_adapter_is_not_imported(
    folder: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    """Its name is written with dashes or underscores; a star is all of them."""
    _write(folder / "victim.py", "")
    monkeypatch.setenv(variable, value)
    _hook(Adapter("autoinstrument.adapters.a_client"))  # importing it would fail the test
    _import()


def test_the_name_of_another_adapter_disables_nothing(
    folder: Path, adapter: Adapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names are compared as a whole; an adapter that is not ours has its module's name."""
    _write(folder / "victim.py", "")
    monkeypatch.setenv("AUTOINSTRUMENT_DISABLE", "an, adapter,an_adapter_too,")
    _hook(adapter)
    victim = _import()
    assert adapter.modules == [victim]
    monkeypatch.setenv("AUTOINSTRUMENT_DISABLE", "an-adapter")
    importlib.reload(victim)
    assert adapter.modules == [victim]


@pytest.fixture
def contained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contain the agent's failures as in production."""
    monkeypatch.setattr(_guard, "reraise", False)
    monkeypatch.setattr(notices, "_told", set())
    monkeypatch.setattr(adapters, "_guards", {})


class Panic(BaseException):
    """What a library in Rust raises when it gives up."""


@pytest.mark.usefixtures("contained")
@pytest.mark.parametrize("error", [RuntimeError("own"), SystemExit("own"), Panic("own")])
def test_an_adapter_that_fails_stands_aside_alone(
    folder: Path,
    adapter: Adapter,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: BaseException,
) -> None:
    """The application's import succeeds, the next adapter is called, the failure is told once."""
    _write(folder / "victim.py", "")
    failing = _importable(monkeypatch, "failing")
    failing.error = error
    _hook(failing, Adapter("not_there"), adapter)
    victim = _import()
    importlib.reload(victim)
    assert failing.modules == [victim]
    assert adapter.modules == [victim, victim]
    told = [record.getMessage() for record in caplog.records]
    reason = f"failed and stands aside: {type(error).__name__}: own; the application goes on"
    assert told[0] == f"autoinstrument: the adapter failing {reason} (adapter-failed)"
    assert ["not_there" in told[1], len(told)] == [True, 2]


@pytest.mark.usefixtures("contained")
def test_an_adapter_may_end_in_an_exit_while_it_is_imported(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As a script does that somebody has announced as an adapter: the program goes on."""
    _write(folder / "victim.py", "")
    _write(folder / "victim_script.py", "raise SystemExit(3)")
    _hook(Adapter("victim_script"))
    _import()
    (record,) = caplog.records
    assert record.getMessage().endswith("SystemExit: 3; the application goes on (adapter-failed)")


@pytest.mark.usefixtures("contained")
@pytest.mark.parametrize("uninstall", ["", "    raise RuntimeError('as well')"])
def test_an_adapter_that_fails_half_way_puts_back_what_it_has_replaced(
    folder: Path, caplog: pytest.LogCaptureFixture, uninstall: str
) -> None:
    """And is not asked again, whatever its `uninstall` does: neither by a further activation."""
    _write(folder / "victim.py", "class Producer:\n    def send(self): return 'own'\n")
    _write(
        folder / "victim_adapter.py",
        f"""
from autoinstrument.adapter import Patches
patches, asked = Patches(), []
def install(module):
    asked.append(module.__name__)
    patches.replace(module.Producer, "send", lambda self: "traced")
    patches.replace(module.Producer, "close", lambda self: None)
def uninstall():
    patches.undo()
{uninstall}
""",
    )
    _hook(Adapter("victim_adapter"))
    victim = _import()
    assert victim.Producer().send() == "own"
    _hooks.remove()
    _hook(Adapter("victim_adapter"))
    importlib.reload(victim)
    assert sys.modules["victim_adapter"].asked == ["victim"]
    (record,) = caplog.records
    assert "AttributeError: type object 'Producer' has no attribute 'close'" in record.getMessage()


@pytest.mark.usefixtures("contained")
def test_an_adapter_that_fails_at_a_later_module_is_put_back_as_a_whole(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no longer among those that a deactivation has to put back."""
    _write(folder / "victim.py", "")
    _write(folder / "victim_too.py", "")
    failing = _importable(monkeypatch, "failing")
    undone: list[str] = []
    failing.uninstall = lambda: undone.append("failing")  # type: ignore[attr-defined] # optional
    finder = _hook(failing)
    finder._hooked["victim_too"] = ["failing"]
    _import()
    assert (finder.called, undone) == (["failing"], [])
    failing.error = RuntimeError("own")
    _import("victim_too")
    assert (finder.called, undone) == ([], ["failing"])


@pytest.mark.usefixtures("contained")
def test_a_deactivation_puts_everything_back_although_an_adapter_fails(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One whose `uninstall` raises, and one that has gone from `sys.modules`."""
    undone: list[str] = []

    def uninstall(name: str) -> None:
        undone.append(name)
        if name == "first":
            raise SystemExit(name)

    for name in "first", "second":
        each = _importable(monkeypatch, name)
        each.uninstall = partial(uninstall, name)  # type: ignore[attr-defined] # optional
        each.replaced = None if name == "first" else {}  # type: ignore[attr-defined] # as above
    del folder
    adapters.put_back(["gone", "first", "second"])
    assert undone == ["first", "second"]
    assert "the adapter first failed" in caplog.text


@pytest.mark.usefixtures("contained")
def test_an_adapter_says_why_it_leaves_a_client_alone(
    folder: Path,
    adapter: Adapter,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is no failure, and is asked again when the module is executed anew."""
    from autoinstrument.adapter import Client, Unsupported

    _write(folder / "victim.py", "")
    refusing = _importable(monkeypatch, "refusing")
    refusing.error = Unsupported("send() is not there")
    _hook(refusing, adapter)
    victim = _import()
    importlib.reload(victim)
    assert refusing.modules == adapter.modules == [victim, victim]
    (record,) = caplog.records
    assert record.getMessage().endswith("refusing: send() is not there (client-unsupported)")
    client = Client("victim-client", "victim", oldest=(2, 3))
    client.require("2.3.0")
    client.require("10.0")
    with pytest.raises(Unsupported, match=r"version 2\.2\.9 is not traced; 2\.3 and later are"):
        client.require("2.2.9")


@pytest.mark.usefixtures("contained")
@pytest.mark.parametrize("debug", ["0", "1"])
def test_a_failure_has_its_traceback_where_that_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, debug: str
) -> None:
    """AUTOINSTRUMENT_DEBUG=1 says where in the agent it was."""
    monkeypatch.setenv("AUTOINSTRUMENT_DEBUG", debug)
    guard = _guard.Guard("a part")
    with guard:
        raise RuntimeError("ours")
    (record,) = caplog.records
    assert not guard.is_off
    assert ("Traceback" in record.getMessage()) == (debug == "1")


def _limit(*_: object) -> None:
    raise TimeoutError


class _Limit:
    def method(self, *_: object) -> None:
        raise TimeoutError

    __call__ = method


@pytest.mark.usefixtures("contained")
@pytest.mark.parametrize("handler", [_limit, partial(_limit, 1), _Limit().method, _Limit()])
def test_what_a_signal_handler_raises_is_the_applications(handler: Any) -> None:
    """A time limit comes out of any line of the agent, and counts for nothing there."""
    guard = _guard.Guard("a part", most=2)
    before = signal.signal(signal.SIGTERM, handler)
    try:
        for _ in range(2):
            with pytest.raises(TimeoutError), guard:
                signal.raise_signal(signal.SIGTERM)
        with guard:
            raise TimeoutError
        assert not guard.is_off
        with guard:
            raise TimeoutError
    finally:
        signal.signal(signal.SIGTERM, before)


def _fail(guard: _guard.Guard) -> None:
    with guard:
        raise KeyError


class _Begins:
    """Begins a thread that begins before the call is over, as some do, and is then interrupted."""

    def __init__(self, number: int) -> None:
        self.limbo = {self}
        self.number = number

    def start(self) -> None:
        try:
            self.limbo.clear()
            signal.raise_signal(self.number)
        except BaseException:  # as `threading.Thread.start` has it
            self.limbo.remove(self)
            raise


@pytest.mark.usefixtures("contained")
@pytest.mark.parametrize(
    ("handler", "expected"),
    [(_limit, TimeoutError), (signal.default_int_handler, KeyboardInterrupt)],
)
def test_what_a_signal_handler_raises_is_no_other_error(
    handler: Any, expected: type[BaseException]
) -> None:
    """The limit comes out, where what it has broken off fails for another reason then."""
    guard = _guard.Guard("a part", most=1)
    before = signal.signal(signal.SIGTERM, handler)
    try:
        with pytest.raises(expected), guard:
            _Begins(signal.SIGTERM).start()
        assert not guard.is_off
        try:
            signal.raise_signal(signal.SIGTERM)
        except expected:  # the application knows of this one
            _fail(guard)
        assert guard.is_off
    finally:
        signal.signal(signal.SIGTERM, before)


def test_an_interrupt_in_an_adapter_is_the_users(folder: Path, adapter: Adapter) -> None:
    """Ctrl-C comes out of the import, which is then as if it had not been tried."""
    _write(folder / "victim.py", "")
    adapter.error = KeyboardInterrupt()
    _hook(adapter)
    with pytest.raises(KeyboardInterrupt):
        _import()
    assert "victim" not in sys.modules


def _end(*_: object) -> None:
    raise SystemExit


@pytest.mark.usefixtures("contained")
def test_an_end_by_a_signal_in_an_adapter_is_the_programs(folder: Path, adapter: Adapter) -> None:
    """A handler that ends the program ends it wherever the signal arrives."""
    _write(folder / "victim.py", "")
    adapter.install = lambda _: signal.raise_signal(signal.SIGTERM)  # type: ignore[method-assign]
    _hook(adapter)
    before = signal.signal(signal.SIGTERM, _end)
    try:
        with pytest.raises(SystemExit):
            _import()
    finally:
        signal.signal(signal.SIGTERM, before)


def test_somebody_elses_adapter_is_found(folder: Path, adapter: Adapter) -> None:
    """An entry point names the module to hook and the adapter: nothing of ours is changed."""
    add_distribution(folder, "victimkafka.client = an_adapter", "victim = an_adapter")
    _write(folder / "victimkafka" / "__init__.py", "")
    _write(folder / "victimkafka" / "client.py", "")
    _write(folder / "victim.py", "")
    sys.meta_path.insert(0, _hooks.Finder({}))
    early = _import()
    client = _import("victimkafka.client")
    assert adapter.modules == [client]
    importlib.reload(early)
    assert adapter.modules == [client, early]


def test_adapters_are_looked_for_once(folder: Path, adapter: Adapter) -> None:
    """Before the first Kafka module, and never again: looking takes some 37 ms."""
    for name in "victim", "victim_Kafka", "victim_kafka_too":
        _write(folder / f"{name}.py", "")
    sys.meta_path.insert(0, _hooks.Finder({}))
    _import()
    # Under the interpreter's import lock, where an import may wait for a thread that waits for it.
    assert importlib.util.find_spec("victim_Kafka")
    add_distribution(folder, "victim_Kafka = an_adapter")
    found = _import("victim_Kafka")
    add_distribution(folder, "victim_kafka_too = an_adapter")
    _import("victim_kafka_too")
    assert adapter.modules == [found]


@pytest.mark.usefixtures("contained")
@pytest.mark.parametrize("target", ["not_there", "not a module", ""])
def test_a_broken_entry_point_does_not_hurt_the_others(
    folder: Path, adapter: Adapter, caplog: pytest.LogCaptureFixture, target: str
) -> None:
    """It is told; the adapters of other distributions and ours are called."""
    add_distribution(folder, "victimkafka = an_adapter")
    (folder / "first").mkdir()
    add_distribution(folder / "first", f"victimkafka = {target}")
    sys.path.insert(0, str(folder / "first"))
    _write(folder / "victimkafka.py", "")
    sys.meta_path.insert(0, _hooks.Finder({}))
    victim = _import("victimkafka")
    assert adapter.modules == [victim]
    assert len(caplog.records) == 1


def test_a_process_without_a_kafka_client_reads_no_entry_points(
    installed: Interpreter, client: Path
) -> None:
    """In an interpreter of its own, where nobody has imported importlib_metadata before."""
    program = (
        "import sys, json; print('importlib_metadata' in sys.modules); import kafka_client; "
        "print('importlib_metadata' in sys.modules, kafka_client.installed)"
    )
    ended = installed.run("-c", program, **ON, PYTHONPATH=str(client))
    assert ended.stdout == "False\nthe client itself\nTrue 1\n"


def test_a_name_that_disables_nothing_is_told_once(installed: Interpreter, client: Path) -> None:
    """With what is accepted, somebody else's adapters too; OpenTelemetry's variable has more."""
    sentence = (
        "autoinstrument: AUTOINSTRUMENT_DISABLE='confluent,redis' is ignored;"
        " accepted: aiokafka, confluent-kafka, counting, kafka-python, * (bad-setting)\n"
    )
    for given, told in (
        ("redis, kafka-python,confluent", sentence),
        ("counting,aiokafka,confluent-kafka", ""),
        ("*,", ""),
    ):
        ended = installed.run(
            "-c",
            "import kafka_client, kafka_client",
            **ON,
            PYTHONPATH=str(client),
            AUTOINSTRUMENT_DISABLE=given,
            OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="redis",
        )
        assert (ended.stdout, ended.stderr) == ("the client itself\n", told)


def test_an_extension_module_is_hooked(installed: Interpreter, client: Path) -> None:
    """The C half of confluent-kafka, by somebody else's adapter; it loads once a process."""
    pytest.importorskip("confluent_kafka")
    add_distribution(client, "confluent_kafka.cimpl = counting_types")
    (client / "counting_types.py").write_text(
        "def install(module): print(module.__loader__.__class__.__name__, module.Producer.__name__)"
    )
    ended = installed.run(
        "-c",
        "import confluent_kafka",
        **ON,
        PYTHONPATH=str(client),
        AUTOINSTRUMENT_DISABLE="confluent-kafka",
    )
    assert (ended.stdout, ended.stderr) == ("ExtensionFileLoader Producer\n", "")
