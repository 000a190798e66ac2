"""Holds bodies against the models of azure-mgmt-web: every field, at any depth.

Known values of an enumeration are taken for all that there are: the package does not say which may grow.
"""

from __future__ import annotations

import binascii
import contextlib
import functools
import types
import typing
from base64 import b64decode
from collections.abc import Callable, Iterator
from datetime import datetime
from enum import Enum
from typing import Any, Final

__all__ = ["faults", "is_a_model"]

# What an answer has at its top, whether a model names it or not; a request may repeat the first three.
_OF_EVERY_ANSWER: Final = frozenset({"id", "name", "type", "etag", "systemData", "location", "tags"})
_OF_EVERY_REQUEST: Final = frozenset({"id", "name", "type"})
# The model says that a site does not tell it; App Service tells it without what in it is secret.
_TOLD_IN_PART: Final = frozenset({"siteConfig"})


def is_a_model(name: str) -> bool:
    """Say whether the package has a model."""
    return isinstance(getattr(_models(), name, None), type)


def faults(name: str, body: Any, *, answer: bool = False) -> Iterator[str]:
    """Yield what is wrong with a body, as path and reason. An ``answer`` may have what is read-only."""
    return _of_model(getattr(_models(), name), body, "", answer=answer)


def _models() -> Any:
    from azure.mgmt.web import models

    return models


@functools.cache
def _fields(model: Any) -> dict[str, tuple[Any, Any]]:
    """Return the fields of a model by their names on the wire: how each is described, and its type."""
    with contextlib.suppress(TypeError, ValueError):
        model({})  # the package knows a model's fields when one was made
    hints = typing.get_type_hints(model, localns={"_models": _models()})
    described = getattr(model, "_attr_to_rest_field", {})
    return {field._rest_name: (field, hints[name]) for name, field in described.items()}


def _of_model(model: Any, body: Any, path: str, *, answer: bool) -> Iterator[str]:
    if not isinstance(body, dict):
        yield f"{path}: is no object"
        return
    fields = _fields(model)
    for key, value in body.items():
        here = f"{path}.{key}" if path else key
        if key not in fields:
            if not (answer and not path and key in _OF_EVERY_ANSWER):
                yield f"{here}: {model.__name__} does not have it"
            continue
        field, hint = fields[key]
        if field._visibility == ["read"] and not answer and (path or key not in _OF_EVERY_REQUEST):
            yield f"{here}: is read-only"
        elif value is not None:
            if answer and "read" not in field._visibility and key not in _TOLD_IN_PART:
                yield f"{here}: is write-only"
            yield from _of_type(hint, value, here, answer=answer)
    for key, (field, hint) in fields.items():
        asked = field._visibility != ["read"] and type(None) not in typing.get_args(hint)
        if asked and not answer and key not in body:
            yield f"{path}.{key}: is required".lstrip(".")


def _of_type(hint: Any, value: Any, path: str, *, answer: bool) -> Iterator[str]:
    arguments = typing.get_args(hint)
    match typing.get_origin(hint):
        case typing.Union | types.UnionType:
            yield from _of_union(arguments, value, path, answer=answer)
        case kind if kind is list:
            if not isinstance(value, list):
                yield f"{path}: is no list"
                return
            for number, one in enumerate(value):
                yield from _of_type(arguments[0], one, f"{path}[{number}]", answer=answer)
        case kind if kind is dict:
            if not isinstance(value, dict):
                yield f"{path}: is no object"
                return
            for key, one in value.items():
                yield from _of_type(arguments[1], one, f"{path}.{key}", answer=answer)
        case _ if getattr(hint, "__module__", "").endswith(".models._models"):
            yield from _of_model(hint, value, path, answer=answer)
        case _:
            if not _PLAIN[hint](value):
                yield f"{path}: {value!r} is no {getattr(hint, '__name__', hint)}"


def _of_union(kinds: tuple[Any, ...], value: Any, path: str, *, answer: bool) -> Iterator[str]:
    """An enumeration is a union with ``str``, and anything else one with None."""
    known = [one for one in kinds if isinstance(one, type) and issubclass(one, Enum)]
    if known:
        words = {str(one.value).lower() for kind in known for one in kind}
        if not isinstance(value, str) or value.lower() not in words:
            yield f"{path}: {value!r} is no {known[0].__name__}"
        return
    found = [list(_of_type(one, value, path, answer=answer)) for one in kinds if one is not type(None)]
    if all(found):
        yield from found[0]


def _is_time(value: Any) -> bool:
    with contextlib.suppress(TypeError, ValueError):
        return datetime.fromisoformat(value).tzinfo is not None
    return False


def _is_base64(value: Any) -> bool:
    with contextlib.suppress(TypeError, ValueError, binascii.Error):
        return b64decode(value, validate=True) is not None
    return False


_PLAIN: Final[dict[Any, Callable[[Any], bool]]] = {
    Any: lambda _: True,
    str: lambda value: isinstance(value, str),
    bool: lambda value: isinstance(value, bool),
    int: lambda value: isinstance(value, int) and not isinstance(value, bool),
    float: lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    bytes: _is_base64,
    datetime: _is_time,
}
