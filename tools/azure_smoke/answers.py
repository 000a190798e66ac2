"""What Resource Manager answers about an instance, as shapes that can be kept and compared.

A shape has the paths of a body and the type of each value; a value itself only
where it is a word of Azure's own (``provisioningState: Succeeded``). Names, ids,
addresses and everything that somebody chose are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

__all__ = ["Shape", "differences", "shape"]

Shape = Mapping[str, str]  # path → type, or "type = word"
_WORDS = frozenset(
    {
        *("provisioningState", "state", "publicNetworkAccess", "kind", "tier", "level", "type"),
        *("statusOfPrimary", "resourceState", "mode", "defaultAction", "bypass", "keySource"),
    }
)
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9./, ]{0,60}")


def shape(body: Any) -> Shape:
    """Return the shape of a body. A list counts as its elements together."""
    return dict(sorted(_paths(body, "", "")))


def differences(ours: Mapping[str, Shape], theirs: Mapping[str, Shape]) -> Sequence[str]:
    """Return one line for each path that only one of two records has, or has otherwise, type by type.

    A type that only one of them has is one line.
    """
    found = [f"{one}: only in {where}" for one, where in _only(ours, theirs)]
    for kind in sorted(ours.keys() & theirs.keys()):
        here, there = ours[kind], theirs[kind]
        found += [f"{kind} {path}: only in {where}" for path, where in _only(here, there)]
        found += [
            f"{kind} {path}: {here[path]} here, {there[path]} there"
            for path in sorted(here.keys() & there.keys())
            if here[path] != there[path]
        ]
    return found


def _only(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key in sorted(ours.keys() ^ theirs.keys()):
        yield key, "this record" if key in ours else "the other"


def _paths(value: Any, path: str, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if name == "tags" or str(key).startswith("/"):  # somebody's names
                continue
            yield from _paths(inner, f"{path}.{key}".lstrip("."), str(key))
    elif isinstance(value, list):
        for inner in value:
            yield from _paths(inner, f"{path}[]", name)
    else:
        kind = "null" if value is None else type(value).__name__
        is_word = name in _WORDS and isinstance(value, str) and _WORD.fullmatch(value)
        yield path, f"{kind} = {value}" if is_word else kind
