"""Tables at the width of a terminal, and where nobody looks."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tenantry.cli.render.table import table

_ID = "op-gvzxr2k7qa"
_URL = f"https://app-kenya-san-zeb3jc.azurewebsites.{'x' * 60}.test"
_TEXT = "the newest backup is 81.0 hours old, and 26 are allowed"


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal with 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")


@pytest.mark.usefixtures("terminal")
def test_ids_and_urls_stay_whole_where_a_line_is_too_narrow_for_them() -> None:
    shown = table([{"id": _ID, "detail": _TEXT, "url": _URL}], ["id", "detail", "url"])
    assert _ID in shown
    assert _URL in shown


@pytest.mark.usefixtures("terminal")
def test_the_text_of_the_last_column_goes_on_in_the_next_line() -> None:
    row = {"id": _ID, "name": "x" * 30, "detail": _TEXT}
    head, *lines = table([row], ["id", "name", "detail"]).splitlines()
    start = head.index("DETAIL")
    assert max(len(line) for line in lines) <= 80
    assert " ".join(line[start:] for line in lines) == _TEXT
    assert [line[:start].strip() != "" for line in lines] == [True, *[False] * (len(lines) - 1)]


@pytest.mark.usefixtures("terminal")
def test_a_time_is_told_whole_in_whatever_column() -> None:
    times = {one: datetime(2026, 11, 28, 11, 7, tzinfo=UTC) for one in ("started", "ended", "seen", "last")}
    _, *lines = table([{"id": _ID, "name": "x" * 12, **times}], ["id", "name", *times]).splitlines()
    assert max(map(len, lines)) <= 80
    assert [" ".join(lines).count(part) for part in ("2026-11-28", "11:07")] == [4, 4]


@pytest.mark.usefixtures("terminal")
def test_a_url_within_a_text_stays_whole() -> None:
    assert _URL in table([{"id": _ID, "message": f"{_URL} answers 200"}], ["id", "message"])


def test_nothing_is_shortened_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    row = {"id": _ID, "text": _TEXT * 9, "url": _URL, "detail": _TEXT * 9}
    _, line = table([row], list(row)).splitlines()
    assert all(value in line for value in row.values())


def test_in_a_pipe_columns_says_how_wide_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    shown = table([{"text": _TEXT * 2, "detail": _TEXT * 2}], ["text", "detail"])
    assert max(map(len, shown.splitlines())) <= 60
