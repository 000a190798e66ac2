"""What ``sandbox faults`` was told, as the request that the sandbox takes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tenantry.config.formats import did_you_mean
from tenantry.config.problems import shorten
from tenantry.errors import UsageError

__all__ = ["fault_request"]

# What each fault needs, in order.
_NEEDS: Final[dict[str, tuple[str, ...]]] = {
    "time": ("time",),
    "throttle": ("count",),
    "error": ("status", "count"),
    "lose": ("count",),
    "slow": ("seconds",),
    "pace": ("scale",),
    "limits": ("scale",),
    "lag": ("seconds",),
    "stuck": ("type",),
    "expire": (),
    "capacity": ("region",),
    "standby": ("region",),
    "quota": ("cores",),
    "accounts": ("number",),
    "disk": ("server", "percent"),
    "policy": ("type",),
    "disabled": ("subscription",),
    "code": ("code", "type"),
    "fail": ("code", "type"),
    "list": (),
    "clear": (),
}
_MOST: Final = 10**6  # of requests, cores or accounts
_UNMATCHED: Final = frozenset(
    {"time", "expire", "quota", "accounts", "limits", "disk", "disabled", "standby", "list", "clear"}
)
_CODED: Final = frozenset({"code", "fail"})
_LONGEST: Final = 500  # characters of a message
_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_MOST_DAYS: Final = 36_500  # a move of the clock


def fault_request(
    kind: str, values: Sequence[str], *, match: str, times: str = "", message: str = ""
) -> tuple[str, dict[str, Any]]:
    """Return where and what the sandbox is asked for.

    Names of servers, regions and types are looked up there. ``times`` and ``message`` are for refusals
    with a code: how many there are, 1 when it is left out, and the words beside the code.

    Raises:
        UsageError: it makes no sense.
    """
    needs = _NEEDS.get(kind)
    if needs is None:
        raise UsageError(
            f"there is no fault {shorten(kind)}",
            hint=did_you_mean(kind, _NEEDS) or "known: " + ", ".join(_NEEDS),
            code="unknown-fault",
        )
    if len(values) != len(needs):
        raise UsageError(
            f"{kind} needs {' and '.join(needs) or 'nothing more'}",
            hint="tenantry sandbox faults --help",
            code="fault-values",
        )
    if match and kind in _UNMATCHED:
        raise UsageError(
            f"{kind} takes no --match: it is about no requests",
            hint="it is for " + ", ".join(one for one in _NEEDS if one not in _UNMATCHED),
            code="fault-values",
        )
    if (times or message) and kind not in _CODED:
        raise UsageError(
            f"{kind} takes no {'--times' if times else '--message'}",
            hint="they are for code and fail",
            code="fault-values",
        )
    told = dict(zip(needs, values, strict=True))
    if kind in _CODED:
        told |= {"times": times or "1", "message": message}
    if kind in {"list", "clear"}:
        return f"/faults/{kind}", {}
    if kind == "time":
        return "/time", {"seconds": _seconds(told["time"], most_days=_MOST_DAYS)}
    return "/faults/add", {"kind": kind, "match": match, **_fault_values(kind, told)}


def _fault_values(kind: str, told: Mapping[str, str]) -> dict[str, Any]:
    """Return what the sandbox is told of a fault."""
    found: dict[str, Any]
    if kind in _CODED:
        found = {"value": _code(told["code"]), "type_": told["type"], "message": _words(told["message"])}
        return found | {"count": _number(told["times"], least=1)}
    found = {"count": _number(told["count"], least=1)} if "count" in told else {}
    match kind:
        case "error":
            found["value"] = str(_number(told["status"], least=500, most=599))
        case "slow" | "lag":
            found["value"] = str(_seconds(told["seconds"], most_days=1))
        case "pace" | "limits":
            found["value"] = _scale(told["scale"])
        case "stuck" | "policy":
            found["value"] = told["type"]
        case "quota" | "accounts":
            found["value"] = str(_number(told[_NEEDS[kind][0]], least=0))
        case "disk":
            found |= {"type_": told["server"], "value": str(_number(told["percent"], least=0, most=100))}
        case "disabled":
            found["value"] = told["subscription"].lower()
        case "capacity" | "standby":
            found["value"] = told["region"].replace(" ", "").lower()
    return found


def _number(text: str, *, least: int, most: int = _MOST) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
        raise UsageError(
            f"{shorten(text)} is no whole number from {least} to {most}",
            hint="tenantry sandbox faults --help",
            code="fault-values",
        )
    return int(text)


def _scale(text: str) -> str:
    """Return a number above zero, with up to three decimals."""
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,3})?", text) or not float(text):
        raise UsageError(f"{shorten(text)} is no scale", hint="for example 1, 60 or 0.5", code="fault-values")
    return text


def _code(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]{0,99}", text):
        raise UsageError(
            f"{shorten(text)} is no error code of Azure's",
            hint="letters and digits, such as SkuNotAvailable",
            code="fault-values",
        )
    return text


def _words(text: str) -> str:
    if len(text) > _LONGEST or not text.isprintable():
        raise UsageError(
            f"a message is one line of at most {_LONGEST} characters",
            hint="tenantry sandbox faults --help",
            code="fault-values",
        )
    return text


def _seconds(text: str, *, most_days: int) -> float:
    """Return a time in seconds."""
    found = re.fullmatch(r"\+?([0-9]{1,9}(?:\.[0-9]{1,9})?)([smhd]?)", text)
    if found is None:
        raise UsageError(f"{shorten(text)} is no time", hint="for example +7d, 90s, 12h", code="fault-values")
    seconds = float(found[1]) * _UNITS[found[2]]
    if seconds > most_days * _UNITS["d"]:
        raise UsageError(
            f"{shorten(text)} is longer than {most_days} days", hint="take less", code="fault-values"
        )
    return seconds
