"""What a program can see of the clients' classes: the same as without the agent, or told of.

Each test starts a program, which is compared with itself without the agent.
"""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from brokers import MockBroker
    from programs import Runner

PROGRAM = Path(__file__).with_name("seen_of_classes.py").read_text(encoding="utf-8")
TOLD = {
    "a parameter list, where C has none": [
        ("class's signature", r"\(\*args, \*\*kwargs\)"),
        (r"\w+'s signature", r"\(self, .*\)"),
    ],
    "and a module": [
        (r"\w+'s __module__", "cimpl"),
        ("(class )?has __module__", "True"),
    ],
    "whose name begins with `__autoinstrument`": [
        ("(class )?has __autoinstrument(_alive)?__", "True"),
    ],
    "whose name is `_autoinstrument`": [("has _autoinstrument", "True")],
    "can be set and deleted": [
        ("(setting|deleting) an attribute of the class", "None"),
        ("(class )?has __slotnames__", "True"),  # as copyreg does
    ],
    "names the class `Producer`": [
        (r"(setting|deleting) \w+|state|weak reference", r".*Error: .*'\w+' object.*"),
        ("another class", "TypeError: .* object layout differs from .*"),
        ("reduction", "TypeError: expected configuration dict"),
    ],
}
"""What differs, by the words in which the limits say so: a fact, and what it is with the agent."""


@pytest.mark.cpython
def test_classes_are_seen_as_they_are_without_the_agent(
    run: Runner, mock_broker: Callable[..., MockBroker]
) -> None:
    """But for what the limits tell."""
    broker = mock_broker().bootstrap
    bare, ours = (_facts(run, broker, bare=is_bare) for is_bare in (True, False))
    untold = [
        f"{place}: {fact}: {was}, with the agent {now}"
        for place, fact in sorted(bare.keys() | ours.keys())
        if (was := bare.get((place, fact))) != (now := str(ours.get((place, fact))))
        and not any(_is_told(fact, now, known) for known in TOLD.values())
    ]
    if untold:
        pytest.fail("\n".join(untold))


def test_what_differs_stands_in_the_limits() -> None:
    """In these words, on whatever lines they stand."""
    limits = " ".join((files("autoinstrument") / "help" / "limits.md").read_text().split())
    assert [words for words in TOLD if words not in limits] == []


def _is_told(fact: str, now: str, known: list[tuple[str, str]]) -> bool:
    return any(re.fullmatch(name, fact) and re.fullmatch(value, now) for name, value in known)


def _facts(run: Runner, broker: str, *, bare: bool) -> dict[tuple[str, str], str]:
    done = run(PROGRAM, broker, bare=bare)
    if done.code:
        pytest.fail(done.stderr)
    facts = map(json.loads, done.stdout.splitlines())
    return {(place, name): value for place, name, value in facts}
