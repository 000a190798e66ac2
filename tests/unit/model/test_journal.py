"""The chain: whatever is done to a journal shows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tenantry.model.journal import GENESIS, Line, canonical, digest_of, faults_in, link, timestamp

_TEXTS = st.text(st.characters(), max_size=20)
_MOMENTS = st.datetimes(timezones=st.just(UTC))
_RAW = st.tuples(_MOMENTS, _TEXTS, _TEXTS, _TEXTS, _TEXTS)
# No deadline: other tests load the machine. No database of examples: tests leave nothing behind.
_quietly = settings(deadline=None, database=None, max_examples=60)
_JOURNALS = st.lists(_RAW, min_size=1, max_size=8)


def _chained(raw: list[tuple[datetime, str, str, str, str]]) -> list[Line]:
    lines: list[Line] = []
    for seq, (at, operation, instance, kind, text) in enumerate(raw, start=1):
        line = Line(
            seq=seq,
            at=at,
            operation=operation,
            instance=instance,
            kind=kind,
            digest=digest_of(text),
            text=text,
        )
        lines.append(replace(line, chain=link(lines[-1].chain if lines else GENESIS, line)))
    return lines


def _head(lines: list[Line]) -> tuple[int, str]:
    return lines[-1].seq, lines[-1].chain


@_quietly
@given(_JOURNALS)
def test_an_untouched_journal_holds(raw: list[tuple[datetime, str, str, str, str]]) -> None:
    lines = _chained(raw)
    assert list(faults_in(lines, head=_head(lines))) == []


@_quietly
@given(_JOURNALS, st.data())
def test_erased_texts_do_not_break_the_chain(
    raw: list[tuple[datetime, str, str, str, str]], data: st.DataObject
) -> None:
    lines = _chained(raw)
    erased = data.draw(st.sets(st.sampled_from(range(len(lines)))))
    left = [replace(line, text=None) if number in erased else line for number, line in enumerate(lines)]
    assert list(faults_in(left, head=_head(lines))) == []


@_quietly
@given(
    _JOURNALS,
    st.data(),
    st.sampled_from(["operation", "instance", "kind", "digest", "chain", "text"]),
    _TEXTS,
)
def test_a_changed_field_is_found(
    raw: list[tuple[datetime, str, str, str, str]], data: st.DataObject, field: str, value: str
) -> None:
    lines = _chained(raw)
    number = data.draw(st.sampled_from(range(len(lines))))
    different: dict[str, Any] = {field: value}
    changed = replace(lines[number], **different)
    assume(changed != lines[number])
    assert list(faults_in([*lines[:number], changed, *lines[number + 1 :]], head=_head(lines)))


@_quietly
@given(_JOURNALS, st.data())
def test_a_missing_line_is_found(raw: list[tuple[datetime, str, str, str, str]], data: st.DataObject) -> None:
    lines = _chained(raw)
    number = data.draw(st.sampled_from(range(len(lines))))
    assert list(faults_in([*lines[:number], *lines[number + 1 :]], head=_head(lines)))


@_quietly
@given(_JOURNALS, st.data())
def test_lines_that_changed_places_are_found(
    raw: list[tuple[datetime, str, str, str, str]], data: st.DataObject
) -> None:
    lines = _chained(raw)
    order = data.draw(st.permutations(range(len(lines))))
    assume(order != list(range(len(lines))))
    assert list(faults_in([lines[number] for number in order], head=_head(lines)))


@_quietly
@given(_JOURNALS, st.data())
def test_lines_that_changed_places_and_numbers_are_found(
    raw: list[tuple[datetime, str, str, str, str]], data: st.DataObject
) -> None:
    lines = _chained(raw)
    order = data.draw(st.permutations(range(len(lines))))
    moved = [replace(lines[old], seq=new) for new, old in enumerate(order, start=1)]
    assume(moved != lines)
    assert list(faults_in(moved, head=_head(lines)))


@_quietly
@given(_JOURNALS, _RAW)
def test_a_line_put_in_at_the_end_is_found(
    raw: list[tuple[datetime, str, str, str, str]], more: tuple[datetime, str, str, str, str]
) -> None:
    lines = _chained([*raw, more])
    assert list(faults_in(lines, head=_head(lines[:-1])))


@_quietly
@given(_RAW, _RAW)
def test_two_lines_share_their_canonical_form_only_if_they_are_equal(
    one: tuple[datetime, str, str, str, str], other: tuple[datetime, str, str, str, str]
) -> None:
    (a,), (b,) = _chained([one]), _chained([other])
    same = (a.at, a.operation, a.instance, a.kind, a.digest) == (
        b.at,
        b.operation,
        b.instance,
        b.kind,
        b.digest,
    )
    assert (canonical(a) == canonical(b)) == same


def test_the_chain_of_a_known_line_stays_what_it_is() -> None:
    line = Line(
        seq=1,
        at=datetime(2026, 1, 31, 12, tzinfo=UTC),
        operation="op-1",
        instance="tn1",
        kind="intent",
        digest=digest_of("make it"),
    )
    assert canonical(line) == (
        b'[1,"2026-01-31T12:00:00.000000+00:00","op-1","tn1","intent",'
        b'"' + digest_of("make it").encode() + b'"]'
    )


def test_a_moment_is_written_in_utc_whatever_its_zone() -> None:
    moment = datetime(2026, 1, 31, 12, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert timestamp(moment) == "2026-01-31T06:30:00.000000+00:00"


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        timestamp(datetime(2026, 1, 31, 12))  # noqa: DTZ001


def test_a_text_that_is_no_utf_8_has_a_digest() -> None:
    assert digest_of("\udcff") != digest_of("?")


def test_a_gap_names_the_lines_that_are_missing() -> None:
    lines = _chained([(datetime(2026, 1, 1, tzinfo=UTC), "", "", "", "")] * 5)
    left = [lines[0], lines[4]]
    assert list(faults_in(left, head=_head(lines))) == ["lines 2 to 4 are missing"]
