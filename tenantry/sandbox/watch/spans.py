"""Spans of time as Azure Monitor writes them: ``PT5M``, ``P1D``, ``start/end``, ``start/PT1H``."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from tenantry.sandbox.kinds import ArmFault

__all__ = ["between", "duration", "written"]

_DURATION = re.compile(
    r"^P(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?$"
)


def duration(text: str) -> timedelta | None:
    """Read a duration; None when it is none."""
    found = _DURATION.match(text.strip().upper())
    if found is None or not any(found.groupdict().values()):
        return None
    return timedelta(**{name: float(value) for name, value in found.groupdict().items() if value})


def written(span: timedelta) -> str:
    """Write a duration as Azure does: whole hours and minutes."""
    minutes = int(span.total_seconds() // 60)
    if minutes and minutes % (24 * 60) == 0:
        return f"P{minutes // (24 * 60)}D"
    return f"PT{minutes // 60}H" if minutes and minutes % 60 == 0 else f"PT{minutes}M"


def between(text: str, now: datetime, *, default: timedelta) -> tuple[datetime, datetime]:
    """Return the begin and end that a ``timespan`` means. ArmFault 400 when it means none."""
    if not text:
        return now - default, now
    first, _, second = text.replace(" ", "+").partition("/")
    if not second:
        return now - _long(first, text), now
    if (length := duration(first)) is not None:
        end = _moment(second, text)
        return end - length, end
    start = _moment(first, text)
    if (length := duration(second)) is not None:
        return start, start + length
    return start, _moment(second, text)


def _long(part: str, whole: str) -> timedelta:
    found = duration(part)
    if found is None:
        raise _refused(whole)
    return found


def _moment(part: str, whole: str) -> datetime:
    try:
        found = datetime.fromisoformat(part)
    except ValueError:
        raise _refused(whole) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _refused(text: str) -> ArmFault:
    return ArmFault(400, "BadRequest", f"Invalid timespan: {text}")
