"""What holds for every test: a host of its own, nothing left behind, no skip without a good reason.

The controller (the one process, or the one that xdist's workers belong to)
begins the run, looks over the machine when all is done and ends the run.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from tests.support import leftovers, skips
from tests.support.session import (
    HostFolders,
    Session,
    Slot,
    new_session,
    session_from_environment,
    take_slot,
)

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

_SESSION = pytest.StashKey[Session]()
_SLOT = pytest.StashKey[Slot]()
# Seconds for what is still ending when the last test is done; a single test gets a third of it.
_PATIENCE = float(os.environ.get("TENANTRY_TEST_PATIENCE", "30"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest file, then those that deploy; a file stays on one worker (--dist loadfile)."""

    def place(item: pytest.Item) -> tuple[bool, bool]:
        deploys = "tests/system" in item.location[0] or "contracts/target" in item.location[0]
        return item.get_closest_marker("longest") is None, not deploys

    items.sort(key=place)


class _ByGroup(LoadScopeScheduling):  # type: ignore[misc]
    """Keeps a file together that marks groups; every other test stands alone.

    In place of the scheduler that xdist has for groups: 3.8 writes them into a
    field that pytest 9.2 does not read any more, so that none was kept together.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if "xdist_group" in (self.config.rootpath / file).read_text(encoding="utf-8") else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    """Give ``--dist loadgroup`` groups."""
    return _ByGroup(config, log) if config.getvalue("dist") == "loadgroup" else None


def _is_controller() -> bool:
    return "PYTEST_XDIST_WORKER" not in os.environ


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Begin the run, or join it as a worker."""
    if not _is_controller():
        config.stash[_SESSION] = session_from_environment()
        return
    slot = take_slot()
    if slot.before is not None:
        # That run was killed: what it left would be in our way.
        leftovers.remove(leftovers.find(leftovers.scope_of_session(slot.before)))
        slot.before.remove_folders()
    session = new_session(slot)
    session.make_folders()
    session.export()
    config.stash[_SLOT] = slot
    config.stash[_SESSION] = session
    if config.option.basetemp is None:
        config.option.basetemp = str(session.folder / "pytest")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Look for what the tests left; it fails the run, and is removed for the next one."""
    if not _is_controller():
        return
    run = session.config.stash[_SESSION]
    left = leftovers.wait_until_none(leftovers.scope_of_session(run), seconds=_PATIENCE)
    if left:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        _report(session.config, left)
        leftovers.remove(left)
    run.remove_folders()
    session.config.stash[_SLOT].note(None)


def _report(config: pytest.Config, left: list[leftovers.Leftover]) -> None:
    """Enter the leftovers as an error, so that the closing line counts it."""
    reporter: TerminalReporter | None = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:
        return
    names = "\n".join(f"  {item}" for item in left)
    report = pytest.TestReport(
        nodeid="leftovers",
        location=("tests/conftest.py", 0, "leftovers"),
        keywords={},
        outcome="failed",
        longrepr=f"{len(left)} things were left on the machine (removed now):\n{names}",
        when="teardown",
    )
    reporter.stats.setdefault("error", []).append(report)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip for a reason that is not on the list into a failure."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        _judge_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a whole file."""
    report = yield
    if report.skipped:
        _judge_skip(report)
    return report


def _judge_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    reason = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if not skips.allowed(reason):
        report.outcome = "failed"
        report.longrepr = f"{reason}\nNot one of the reasons in tests/support/skips.py, so the run fails."


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Print the reasons for which tests were skipped."""
    reasons: dict[str, int] = {}
    for report in terminalreporter.stats.get("skipped", []):
        if isinstance(report.longrepr, tuple):
            reason = report.longrepr[2].removeprefix("Skipped: ")
            reasons[reason] = reasons.get(reason, 0) + 1
    if reasons:
        terminalreporter.section("skipped, for reasons that are allowed")
    for reason, count in sorted(reasons.items()):
        terminalreporter.line(f"{count} x {reason}")


@pytest.fixture(scope="session")
def test_session(pytestconfig: pytest.Config) -> Session:
    """This run of the tests."""
    return pytestconfig.stash[_SESSION]


@pytest.fixture
def host_folders(test_session: Session) -> Iterator[HostFolders]:
    """Lend the test a host: root and runtime folder, user ids and ports of its own.

    The test has to leave nothing: afterwards the machine is looked over, and
    what is still there after some seconds fails the test by name and is removed.
    """
    with _lent(test_session) as host:
        yield host


@pytest.fixture(scope="module")
def module_host_folders(test_session: Session) -> Iterator[HostFolders]:
    """Lend a host to all tests of a file."""
    with _lent(test_session) as host:
        yield host


@contextlib.contextmanager
def _lent(session: Session) -> Iterator[HostFolders]:
    with session.host() as host:
        try:
            yield host
        finally:
            left = leftovers.wait_until_none(leftovers.scope_of_host(host), seconds=_PATIENCE / 3)
            leftovers.remove(left)
            for folder in (host.root, host.runtime):
                shutil.rmtree(folder, ignore_errors=True)
        if left:
            pytest.fail("left on the machine (removed now): " + "; ".join(map(str, left)), pytrace=False)
