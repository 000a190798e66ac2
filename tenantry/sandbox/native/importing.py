"""What an import finds out: the inputs of a resource that no program has written.

They are what Azure tells of it, as far as a program can write it: the package of
the programs says so, down to the parts. What Azure never tells, such as a
password, is not among them.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any, Union, get_args, get_origin

from tenantry.model.azure_types import TYPES, Scope
from tenantry.sandbox import ids

__all__ = ["imported_inputs"]

_OF_THE_ID = frozenset({"id", "name", "type"})


def imported_inputs(token: str, identity: str, outputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs of a resource, from its id and its outputs."""
    told = {key: value for key, value in outputs.items() if key not in _OF_THE_ID}
    written = _as_written(_arguments(token), told)
    return {**written, **_path_inputs(token, identity)}


def _path_inputs(token: str, identity: str) -> dict[str, str]:
    kind, target = TYPES[token], ids.parse(identity)
    assert target is not None  # it was just read
    named = {key: name for key, name in zip(kind.names, target.names, strict=True) if not key.startswith("=")}
    if kind.scope is Scope.SUBSCRIPTION:
        return named
    group = ids.group_of(target.scope).rpartition("/")[2]
    return {kind.scope_input: group if kind.scope is Scope.GROUP else target.scope.strip("/"), **named}


def _arguments(token: str) -> Any:
    """Return the class of a type's inputs; a resource's module names it first."""
    import pulumi_azure_native  # the whole package, and slow to import

    _, module, name = token.split(":")
    found = sys.modules[getattr(getattr(pulumi_azure_native, module), name).__module__]
    return getattr(found, found.__all__[0])


def _as_written(kind: Any, value: Any) -> Any:
    """Return what a program would have written, of the type of an input."""
    from pulumi._types import input_type_types, is_input_type  # pulumi is slow to import

    if is_input_type(kind) and isinstance(value, Mapping):
        known = input_type_types(kind)
        there = {key: one for key, one in value.items() if key in known and one is not None}
        return {key: _as_written(known[key], one) for key, one in there.items()}
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Union:
        held = (one for one in inner if is_input_type(one) or get_origin(one) in {Sequence, Mapping})
        return _as_written(next(held, str), value)
    if origin is Sequence:
        # A set of ids: a list in the program, a map on the wire.
        return sorted(value) if isinstance(value, Mapping) else [_as_written(inner[0], one) for one in value]
    if origin is Mapping:
        return {key: _as_written(inner[1], one) for key, one in value.items()}
    return value
