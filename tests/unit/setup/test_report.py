"""What set-up says."""

from __future__ import annotations

import io

import pytest

from tools.setup import report as module
from tools.setup.report import Report, SetupError


def test_a_long_step_says_that_it_goes_on(
    monkeypatch: pytest.MonkeyPatch, report: Report, said: io.StringIO
) -> None:
    monkeypatch.setattr(module, "_TICK_SECONDS", 0.2)
    report.run(["/bin/sh", "-c", "echo step 3 of 9; sleep 0.5"], what="building")
    assert "building: step 3 of 9 … " in said.getvalue()


def test_a_password_in_an_address_is_not_repeated(report: Report, said: io.StringIO) -> None:
    with pytest.raises(SetupError):
        report.run(["/bin/sh", "-c", "echo see https://me:hush@example.org/x; exit 1"], what="fetching")
    assert ("hush" in said.getvalue(), "https://example.org/x" in said.getvalue()) == (False, True)


def test_a_program_that_is_not_there_is_an_error_with_a_way_out(report: Report) -> None:
    with pytest.raises(SetupError, match="building: /nonexistent/go: No such file"):
        report.run(["/nonexistent/go"], what="building", hint="install Go")
