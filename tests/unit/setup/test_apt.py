"""Packages of the system: named when they are missing, and nothing starts while apt works."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import pytest

from tools.setup import apt
from tools.setup.report import Report, SetupError


@pytest.fixture(autouse=True)
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of the machine that set-up would change, elsewhere."""
    monkeypatch.setattr(apt, "_POLICY", tmp_path / "policy-rc.d")
    monkeypatch.setattr(apt, "_POLICY_SAVED", tmp_path / "policy-rc.d.before")
    monkeypatch.setattr(apt, "_NO_CLUSTER", tmp_path / "cluster.conf")
    return tmp_path


def _lack(monkeypatch: pytest.MonkeyPatch, missing: Mapping[str, str]) -> None:
    monkeypatch.setattr(apt, "missing_packages", lambda: missing)


def test_nothing_is_said_or_done_when_nothing_is_missing(
    monkeypatch: pytest.MonkeyPatch, report: Report, said: io.StringIO
) -> None:
    _lack(monkeypatch, {})
    apt.ensure(report)
    assert said.getvalue() == ""


def test_who_is_not_root_is_told_the_command(monkeypatch: pytest.MonkeyPatch, report: Report) -> None:
    _lack(monkeypatch, {"s6": "keeps workloads running", "caddy": "the proxy"})
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    with pytest.raises(SetupError) as caught:
        apt.ensure(report)
    assert caught.value.hint == "as root, run: apt-get install caddy s6"


def test_services_are_kept_from_starting_only_while_apt_works(paths: Path) -> None:
    with apt._nothing_starts():
        during = apt._POLICY.read_text()
    assert ("exit 101" in during, apt._POLICY.exists()) == (True, False)


def test_a_policy_that_was_there_before_comes_back(paths: Path) -> None:
    apt._POLICY.write_text("#!/bin/sh\nexit 0\n")
    with apt._nothing_starts():
        pass
    assert apt._POLICY.read_text() == "#!/bin/sh\nexit 0\n"


def test_after_a_kill_while_apt_worked_the_next_run_puts_everything_back(paths: Path) -> None:
    apt._POLICY_SAVED.write_text("#!/bin/sh\nexit 0\n")
    apt._POLICY.write_text(apt._POLICY_TEXT)
    apt._NO_CLUSTER.touch()
    apt._restore()
    assert {path.name: path.read_text() for path in paths.glob("*policy*")} == {
        "policy-rc.d": "#!/bin/sh\nexit 0\n"
    }


def test_a_missing_program_is_listed_by_its_package_and_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tenantry.adapters.tools._SYSTEM_FOLDERS", ())
    monkeypatch.setenv("PATH", "/nonexistent")
    assert apt.missing_packages()["s6"] == "keeps the workloads running"
