"""What ``sandbox dns`` asks a running sandbox for."""

from __future__ import annotations

from collections.abc import Sequence

from tenantry.config.formats import hostname_fault
from tenantry.errors import UsageError

__all__ = ["dns_request"]

_KINDS = frozenset({"CNAME", "TXT"})  # what App Service looks at
_HELP = "tenantry sandbox dns --help"


def dns_request(action: str, values: Sequence[str]) -> dict[str, str]:
    """Return what the sandbox is asked for; UsageError when it makes no sense."""
    needs = {"list": (), "add": ("name", "type", "value"), "remove": ("name", "type")}.get(action)
    if needs is None or len(values) != len(needs):
        raise UsageError(
            f"there is no {action} of records" if needs is None else f"{action} needs {' and '.join(needs)}",
            hint=_HELP,
            code="dns-values",
        )
    told = dict(zip(needs, values, strict=True))
    if not told:
        return {}
    kind = told.pop("type").upper()
    if kind not in _KINDS:
        raise UsageError(f"{kind} is not CNAME or TXT", hint=_HELP, code="dns-values")
    hosts = [told["name"], *([told["value"]] if kind == "CNAME" and "value" in told else [])]
    for host in hosts:
        if fault := hostname_fault(host.lower().rstrip(".")):
            raise UsageError(f"{host} {fault.message}", hint=_HELP, code="dns-values")
    return {**told, "name": told["name"].lower().rstrip("."), "type_": kind}
