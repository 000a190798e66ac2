"""All kinds of the sandbox, from everybody who brings some."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from tenantry.sandbox import types
from tenantry.sandbox.kinds import Kind
from tenantry.sandbox.settings import Identity

__all__ = ["all_kinds"]

_MODULES = (
    "tenantry.sandbox.planes",
    "tenantry.sandbox.parts.postgres_kinds",
    "tenantry.sandbox.parts.site_kinds",
    "tenantry.sandbox.parts.cache_kinds",
    "tenantry.sandbox.watch.watcher",  # last: it looks at what the others have observed
)


def all_kinds(issue: Callable[[list[str]], tuple[bytes, bytes]], who: Identity) -> list[Kind]:
    """Return a kind per type; ``issue`` makes certificates of the sandbox's authority."""
    found: list[Kind] = types.kinds(who)
    for name in _MODULES:
        try:
            module = import_module(name)
        except ModuleNotFoundError as error:
            if error.name and name.startswith(error.name):
                continue
            raise
        found += module.kinds(issue)
    return found
