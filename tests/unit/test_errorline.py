"""Errors as one line of text, there and back."""

from __future__ import annotations

import pytest

from tenantry import errorline
from tenantry.errors import (
    BusyError,
    DefectError,
    FailedError,
    RefusedError,
    SpecError,
    TenantryError,
    UnavailableError,
    UsageError,
)


@pytest.mark.parametrize(
    "kind", [FailedError, UsageError, SpecError, UnavailableError, DefectError, BusyError, RefusedError]
)
def test_an_error_comes_back_with_its_class_code_message_and_hint(kind: type[TenantryError]) -> None:
    back = errorline.decode(errorline.encode(kind("it is [so] | so", hint="do this", code="some-code-2")))
    assert type(back) is kind
    assert (back.message, back.hint, back.code) == ("it is [so] | so", "do this", "some-code-2")


def test_an_error_becomes_one_line_whatever_its_message_has() -> None:
    assert errorline.encode(FailedError("one\n  two\tthree")) == "one two three [1 failed]"


def test_an_error_is_found_between_the_engines_own_words() -> None:
    text = "1 error occurred:\n\t* it broke | next: mend it [69 broken]\n\n"
    back = errorline.decode(text)
    assert isinstance(back, UnavailableError)
    assert (back.message, back.hint) == ("it broke", "mend it")


@pytest.mark.parametrize("text", ["", "update failed", "see [12]", "odd [99 code]", "no [code]"])
def test_other_text_is_none_of_ours(text: str) -> None:
    assert errorline.decode(text) is None
