"""Names in an instance's vault that carry a meaning of their own."""

from __future__ import annotations

__all__ = ["EXPIRES"]

EXPIRES = "expires:"  # prefix of the entry that holds a secret's expiry date, ISO 8601
