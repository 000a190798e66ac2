"""All kinds of the sandbox, from everybody who brings some."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from tenantry.sandbox.kinds import Kind

__all__ = ["all_kinds"]

_MODULES = (
    "tenantry.sandbox.types",
    "tenantry.sandbox.planes",
    "tenantry.sandbox.parts.postgres_kinds",
    "tenantry.sandbox.parts.site_kinds",
)


def all_kinds(issue: Callable[[list[str]], tuple[bytes, bytes]]) -> list[Kind]:
    """Return a kind per type; ``issue`` makes certificates of the sandbox's authority."""
    found: list[Kind] = []
    for name in _MODULES:
        try:
            module = import_module(name)
        except ModuleNotFoundError as error:
            if error.name and name.startswith(error.name):
                continue
            raise
        found += module.kinds(issue)
    return found
