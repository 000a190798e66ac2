"""A command that waits for the sandbox says so."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tenantry.cli import sandboxing


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A sandbox that answers after 0.4 s."""

    def answer(*_: object) -> dict[str, object]:
        time.sleep(0.4)
        return {"now": "2026-01-01T00:00:00Z"}

    monkeypatch.setattr(sandboxing, "_asked", answer)
    return monkeypatch


@pytest.mark.parametrize(("after", "told"), [(0.05, True), (60.0, False)])
def test_what_lasts_is_told_on_standard_error_and_what_is_quick_is_not(
    slow: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], after: float, told: object
) -> None:
    slow.setattr(sandboxing, "_TELL_AFTER_SECONDS", after)
    result = sandboxing.faults(Path(), "time", ["+7d"], match="")
    shown = capsys.readouterr()
    assert ("what is due" in shown.err, shown.out) == (told, "")
    assert result.data["now"]
