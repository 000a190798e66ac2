"""Passwords that we make."""

from __future__ import annotations

import re

from tenantry.adapters.vault import new_password


def test_a_password_has_letters_and_digits_only() -> None:
    assert re.fullmatch(r"[A-Za-z0-9]{500}", new_password(500))


def test_two_passwords_differ() -> None:
    assert new_password() != new_password()
