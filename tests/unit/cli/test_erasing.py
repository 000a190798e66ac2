"""What ``erase run`` shows before a name is confirmed."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from tenantry.cli import erasing
from tenantry.cli.render import erasure
from tenantry.errors import Problem
from tenantry.model.status import Asset
from tenantry.result import Outcome, Result

_OURS, _THEIRS = Asset(id="/g/x/ours", type="x"), Asset(id="/g/x/Theirs", type="x")
_STOPS = Problem(code="foreign-resource", message="it is not the instance's: /g/x/theirs", hint="move it")


def _shown(monkeypatch: pytest.MonkeyPatch, stopping: dict[str, Problem]) -> Result:
    instance = SimpleNamespace(name="benin", client="c", rehearsal=False)
    targets = SimpleNamespace(inventory=lambda _: frozenset({_OURS, _THEIRS}), obstacles=lambda _: stopping)
    register = SimpleNamespace(find=lambda _: instance)
    wiring: Any = SimpleNamespace(register=register, targets=targets, refuse_other_cloud=lambda _: None)
    monkeypatch.setattr(erasing, "Wiring", lambda _: wiring)
    return erasing.erase_instance("benin", confirm="", reason="", workspace=None)


def test_what_would_stop_an_erasure_is_told_before_it_is_confirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = _shown(monkeypatch, {"/g/x/theirs": _STOPS})
    assert (shown.exit_code, shown.outcome, shown.problems) == (1, Outcome.NO, (_STOPS,))
    assert [one["id"] for one in shown.data["would_erase"]] == [_OURS.id]


def test_where_nothing_would_stop_it_the_command_that_erases_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = _shown(monkeypatch, {})
    assert (shown.exit_code, shown.outcome) == (0, Outcome.OK)
    assert "--confirm benin" in shown.problems[0].hint
    assert {one["id"] for one in shown.data["would_erase"]} == {_OURS.id, _THEIRS.id}


def test_people_are_told_until_when_something_is_kept_and_by_which_methods_the_rest_went() -> None:
    at = datetime(2026, 11, 1, tzinfo=UTC)
    kept = {"where": "/kept", "what": "why", "since": at, "until": at.replace(day=8)}
    asset = {"type": "vaults", "absent": True, "evidence": "", "at": at}
    text = erasure.erased(
        {
            "name": "benin",
            "state": "erased",
            "rehearsal": False,
            "dns_records": [],
            "assets": [{**asset, "id": f"/x/{one}", "method": one} for one in ("purge", "clear")],
            "residues": [kept, {**kept, "where": "/spec", "until": None}],
        }
    )
    assert "/kept, since 2026-11-01 00:00, until 2026-11-08 00:00" in text
    assert "/spec, since 2026-11-01 00:00, no date of its end is known" in text
    assert "clear, purge" in text
