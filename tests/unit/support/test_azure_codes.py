"""The table of Azure's refusals is whole: every code of the list is let happen in a real command."""

from __future__ import annotations

import re

import pytest

from tenantry.model.azure_types import TYPES
from tests.support.azure_codes import NOT_OURS, ROWS, listed

_EVERY = [one for rows in ROWS.values() for one in rows]


def _means(words: str, told: str) -> bool:
    """Say whether words of the list, with what stands in braces left open, stand in what is told."""
    return re.search(re.sub(r"\\\{\w+\\\}", ".+", re.escape(words)), told) is not None


def test_the_list_is_read() -> None:
    assert len(listed()) > 30


@pytest.mark.parametrize(("code", "words"), [one for one in listed() if not NOT_OURS.keys() & {*one}])
def test_a_refusal_of_the_list_has_a_row(code: str, words: str) -> None:
    assert [one for one in _EVERY if code in ("", one.code) and _means(words, one.words)]


@pytest.mark.parametrize("told", NOT_OURS)
def test_what_no_instance_can_meet_is_about_a_type_that_none_has(told: str) -> None:
    assert told in {part for one in listed() for part in one}
    assert NOT_OURS[told].lower() not in {kind.arm_type.lower() for kind in TYPES.values()}


def test_a_row_that_is_done_tells_what_passed_and_another_has_a_remedy() -> None:
    assert [str(one) for one in _EVERY if one.expect and not one.hint] == []
    assert [str(one) for one in _EVERY if not one.expect and one.tries != one.lasts] == []
