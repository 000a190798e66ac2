"""What the host provider's package is called, for those who serve it and those who use it."""

from __future__ import annotations

__all__ = ["PACKAGE", "VERSION", "token"]

PACKAGE = "tenantry-host"
VERSION = "0.1.0"


def token(kind: str) -> str:
    """Return the type token of a kind of resource: "tenantry-host:index:Account"."""
    return f"{PACKAGE}:index:{kind}"
