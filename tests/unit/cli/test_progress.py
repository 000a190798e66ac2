"""What progress writes where nobody watches it live."""

from __future__ import annotations

import pytest

from tenantry.cli.render.progress import Progress
from tenantry.ports import Event


def _lines(capsys: pytest.CaptureFixture[str], *events: Event, label: str = "") -> list[str]:
    with Progress(label) as progress:
        for event in events:
            progress(event)
    return [line.partition(" s  ")[2] for line in capsys.readouterr().err.splitlines()]


def _same(resource: str) -> Event:
    return Event(text="unchanged", resource=resource, done=True, same=True)


def test_what_is_unchanged_is_only_counted(capsys: pytest.CaptureFixture[str]) -> None:
    events = [Event(text="updated", resource="Site site"), _same("Vault keys"), _same("Server server")]
    # An instance is looked at by several runs of the engine.
    events.append(_same("Vault keys"))
    assert _lines(capsys, *events) == ["updated Site site", "2 resources are unchanged"]


def test_one_is_told_as_one_with_whose_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert _lines(capsys, _same("Vault keys"), label="kenya") == ["kenya: 1 resource is unchanged"]


def test_where_nothing_is_unchanged_nothing_is_said_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert _lines(capsys, Event(text="planning")) == ["planning"]
