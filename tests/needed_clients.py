"""Which clients each test needs: it is left out on a Python for which one of them has no wheel.

A test says so by its name, and by the programs that it runs. The report's page, which takes
matplotlib, is left out likewise.
"""

from __future__ import annotations

import ast
import re
from importlib.util import find_spec
from pathlib import Path
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

_HERE = Path(__file__).parent
_NAMES = {
    "confluent_kafka": "confluent",
    "kafka": "kafka[-_]python",
    "aiokafka": "aiokafka",
}
"""Modules, and how the names of tests have them."""
_OF_THE_PAGE = {"autoinstrument.report.html": "matplotlib"}
MISSING = {name for name in (*_NAMES, *_OF_THE_PAGE.values()) if find_spec(name) is None}
_IMPORT = re.compile(r"^\s*(?:from|import) +(.+)", re.MULTILINE)


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out a module that imports what is missing itself."""
    if not MISSING or collection_path.suffix != ".py":
        return None
    module = ast.parse(collection_path.read_text(encoding="utf-8"))
    imported = {each.module for each in module.body if isinstance(each, ast.ImportFrom)}
    imported |= {each.names[0].name for each in module.body if isinstance(each, ast.Import)}
    imported |= {_OF_THE_PAGE.get(name or "") for name in imported}
    return bool(MISSING & imported) or None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out each test that needs such a client."""
    left_out = [item for item in items if MISSING and MISSING & needed(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def needed(item: Any) -> set[str]:
    """Return the modules of clients that a test needs."""
    named = {module for module, name in _NAMES.items() if re.search(name, item.nodeid)}
    if "secured_kafka" in item.fixturenames:
        named.add("confluent_kafka")  # which lets users in
    parameters = list(item.callspec.params.values()) if hasattr(item, "callspec") else []
    fixtures = [each[-1].func for each in item._fixtureinfo.name2fixturedefs.values()]
    # A test named for a client takes that one's program from among those of all.
    texts = _texts([item.function, item.cls, parameters, fixtures], set(), is_named=bool(named))
    imports = (line for text in texts for line in _IMPORT.findall(text))
    imported = {name for line in imports for name in re.findall(r"\w+", line.split(" import ")[0])}
    return named | imported & set(_NAMES)


def _texts(thing: Any, seen: set[int], *, is_named: bool) -> Iterator[str]:
    """Go through all that a test refers to within our modules, but for those of brokers."""
    if isinstance(thing, str):
        yield thing
    elif id(thing) not in seen and not (is_named and isinstance(thing, dict)):
        seen.add(id(thing))
        for part in _parts(thing):
            yield from _texts(part, seen, is_named=is_named)


def _parts(thing: Any) -> Iterator[Any]:
    if isinstance(thing, FunctionType) and isinstance(thing.__code__, CodeType):
        if _is_ours(thing.__module__, thing.__code__.co_filename):
            yield thing.__code__
            yield from (thing.__globals__.get(name) for name in _names(thing.__code__))
    elif isinstance(thing, CodeType):
        yield from thing.co_consts
    elif isinstance(thing, dict):
        yield from thing.values()
    elif isinstance(thing, (list, tuple, set, frozenset)):
        yield from thing
    elif isinstance(thing, type) or hasattr(thing, "__dataclass_fields__"):
        yield from () if thing.__module__ == "brokers" else list(vars(thing).values())


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _is_ours(module: str, file: str) -> bool:
    return module != "brokers" and _HERE in Path(file).parents
