"""Properties as the engine sends them, and as handlers see them.

On the wire a property map is a protobuf Struct in which secrets and unknown
values are marked by magic strings. A handler sees plain JSON values: secrets
unwrapped, whole numbers as int, unknown values left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct

__all__ = ["UNKNOWN", "Properties", "from_wire", "to_wire"]

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"  # computed later; only in previews
_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the protocol's mark, not a secret


@dataclass(frozen=True, kw_only=True)
class Properties:
    """A property map that has come from the engine."""

    values: dict[str, Any]
    secret: frozenset[str] = field(default=frozenset())  # keys that are or contain a secret
    unknown: frozenset[str] = field(default=frozenset())  # keys that are or contain an unknown value

    @property
    def keys(self) -> frozenset[str]:
        """All keys, those with unknown values too."""
        return frozenset(self.values) | self.unknown


def from_wire(struct: Struct) -> Properties:
    """Read a property map; properties that are null are left out."""
    values: dict[str, Any] = {}
    secret: set[str] = set()
    unknown: set[str] = set()
    for key, raw in MessageToDict(struct).items():
        marks: set[str] = set()
        value = _plain(raw, marks)
        if _SECRET in marks:
            secret.add(key)
        if UNKNOWN in marks:
            unknown.add(key)
        elif value is not None:
            values[key] = value
    return Properties(values=values, secret=frozenset(secret), unknown=frozenset(unknown))


def to_wire(values: Mapping[str, Any], *, secret: Iterable[str] = (), unknown: Iterable[str] = ()) -> Struct:
    """Write a property map, with whole properties marked as secret or unknown."""
    hidden = frozenset(secret)
    marked: dict[str, Any] = dict.fromkeys(unknown, UNKNOWN)
    for key, value in values.items():
        marked[key] = {_SIGNATURE: _SECRET, "value": value} if key in hidden else value
    struct = Struct()
    struct.update(marked)
    return struct


def _plain(raw: Any, marks: set[str]) -> Any:
    """Unwrap a value; note in marks what was found inside it."""
    if isinstance(raw, dict):
        if raw.get(_SIGNATURE) == _SECRET:
            marks.add(_SECRET)
            return _plain(raw.get("value"), marks)
        return {key: _plain(value, marks) for key, value in raw.items()}
    if isinstance(raw, list):
        return [_plain(value, marks) for value in raw]
    if raw == UNKNOWN:
        marks.add(UNKNOWN)
    if isinstance(raw, float) and raw.is_integer():
        return int(raw)
    return raw
