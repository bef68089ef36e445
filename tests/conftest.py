"""What all tests share: their plugins, and that CI skips nothing."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, TypeVar

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

# One that another imports comes first, or pytest could not rewrite its assertions.
pytest_plugins = [
    "needed_clients",
    "interpreters",
    "brokers",
    "secured",
    "collectors",
    "programs",
    "consuming",
    "deployments.comparing",
]

# A shell's job in the background is deaf to a keyboard's signals, and under nohup to a terminal's
# end, and so would be the programs of the tests.
_USUAL = {"SIGINT": signal.default_int_handler, "SIGQUIT": signal.SIG_DFL, "SIGHUP": signal.SIG_DFL}
for _name, _usual in _USUAL.items():
    _number = getattr(signal, _name, None)
    if _number is not None and signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _usual)

_IN_CI = os.environ.get("CI", "").lower() in {"1", "true"}
_SMOKE = {
    "test_writes_side_by_side_keep_apart",
    "test_a_forked_child_reports_its_own_writes",
}
"""Of the contract of `autoinstrument.testing`, which others run as well: they have no such mark."""
Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Have more workers than processors: most tests wait, for brokers or for time to pass."""
    return (os.cpu_count() or 1) + 2


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark what a smoke has of the contract."""
    if getattr(item, "originalname", None) in _SMOKE:
        item.add_marker("smoke")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Count a test that was skipped as failed, in CI."""
    return _demanded((yield))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Count a module that was skipped as failed, in CI."""
    return _demanded((yield))


def _demanded(report: Report) -> Report:
    if _IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not accept: {report.longrepr}"
    return report
