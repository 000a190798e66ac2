"""The page that documents the JSON output, read as programs would rely on it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

__all__ = ["documented_keys", "keys_of", "undocumented"]

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "json.md"
_SAME_AS = re.compile(r"^As `([a-z ]+)`", re.MULTILINE)


def documented_keys() -> Mapping[str, frozenset[str]]:
    """Return the keys of each command's data: "conditions[].type"; none where it is a document of its own."""
    _, _, commands = PAGE.read_text(encoding="utf-8").partition("\n## Commands\n")
    found: dict[str, frozenset[str]] = {}
    for section in commands.split("\n### `")[1:]:
        name, _, text = section.partition("`")
        if other := _SAME_AS.search(text):
            found[name] = found[other.group(1)]
        else:
            found[name] = frozenset(re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE))
    return found


def keys_of(value: Any, prefix: str = "") -> Iterator[str]:
    """Yield the key of each value that is no object, as the page writes it."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from keys_of(part, f"{prefix}.{key}" if prefix else key)
    elif isinstance(value, list):
        for part in value:
            yield from keys_of(part, f"{prefix}[]")
    else:
        yield prefix


def undocumented(command: str, data: Mapping[str, Any]) -> set[str]:
    """Return keys of the data that the page lacks, and keys of the page that the data lacks.

    An empty list, or a null in place of an object, speaks for all keys below it.
    """
    wanted = documented_keys()[command]
    there = set(keys_of(dict(data)))
    silent = {key for key, value in _empty(data)}
    missing = {key for key in wanted - there if not any(key.startswith(top) for top in silent)}
    nulls = {key for key in there - wanted if any(one.startswith(f"{key}.") for one in wanted)}
    return (there - wanted - nulls) | {f"missing: {key}" for key in missing}


def _empty(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _empty(part, f"{prefix}.{key}" if prefix else key)
    elif isinstance(value, list):
        if not value:
            yield f"{prefix}[]", value
        for part in value:
            yield from _empty(part, f"{prefix}[]")
    elif value is None:
        yield f"{prefix}.", value
