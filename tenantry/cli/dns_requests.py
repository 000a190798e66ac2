"""What ``sandbox dns`` asks a running sandbox for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tenantry.config.hosts import hostname_fault
from tenantry.config.problems import shorten
from tenantry.errors import UsageError

__all__ = ["dns_request"]

_KINDS: Final = frozenset({"CNAME", "TXT"})  # what App Service looks at
_MOST_TEXT: Final = 4096  # characters of a TXT record, as in Azure DNS


def dns_request(action: str, values: Sequence[str]) -> dict[str, str]:
    """Return what the sandbox is asked for; UsageError when it makes no sense."""
    needs = {"list": (), "add": ("name", "type", "value"), "remove": ("name", "type")}.get(action)
    if needs is None:
        raise _wrong(f"there is no {shorten(action)} of records")
    if len(values) != len(needs):
        raise _wrong(f"{action} needs {' and '.join(needs) or 'nothing more'}")
    told = dict(zip(needs, values, strict=True))
    if not told:
        return {}
    kind = told.pop("type").upper()
    if kind not in _KINDS:
        raise _wrong(f"{shorten(kind)} is not CNAME or TXT")
    told["name"] = _host(told["name"])
    if "value" in told:
        told["value"] = _text(told["value"]) if kind == "TXT" else _host(told["value"])
        if kind == "CNAME" and told["value"] == told["name"]:
            raise _wrong(f"a CNAME of {shorten(told['name'])} to itself leads nowhere")
    return {**told, "type_": kind}


def _host(text: str) -> str:
    name = text.lower().rstrip(".")
    if fault := hostname_fault(name):
        raise _wrong(f"{shorten(text)} {fault.message}")
    return name


def _text(text: str) -> str:
    if not 1 <= len(text) <= _MOST_TEXT:
        raise _wrong(f"a TXT record has 1 to {_MOST_TEXT} characters, not {len(text)}")
    if shorten(text, limit=_MOST_TEXT) != text:
        raise _wrong(f"{shorten(text)} holds a line break or a character that cannot be seen")
    return text


def _wrong(message: str) -> UsageError:
    return UsageError(message, hint="tenantry sandbox dns --help", code="dns-values")
