"""Holds bodies against Microsoft's own types: tests/data/arm-types, and azure-mgmt-web for App Service."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.azure import web_models

__all__ = ["faults", "has_oracle", "token_beside", "version"]

_FOLDER = Path(__file__).parents[1] / "data" / "arm-types"
_REQUIRED, _READ_ONLY, _WRITE_ONLY = 1, 2, 4
# What the web's models are called that a body of a type is held against.
_WEB = {
    "azure-native:web:AppServicePlan": "AppServicePlan",
    "azure-native:web:Certificate": "Certificate",
    "azure-native:web:StaticSite": "StaticSiteARMResource",
    "azure-native:web:WebApp": "Site",
    "azure-native:web:WebAppApplicationSettings": "StringDictionary",
    "azure-native:web:WebAppFtpAllowed": "CsmPublishingCredentialsPoliciesEntity",
    "azure-native:web:WebAppHostNameBinding": "HostNameBinding",
    "azure-native:web:WebAppScmAllowed": "CsmPublishingCredentialsPoliciesEntity",
}


@functools.cache
def _index() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((_FOLDER / "index.json").read_text(encoding="utf-8"))
    return found


@functools.cache
def _types(file: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((_FOLDER / file).read_text(encoding="utf-8"))
    return found


def has_oracle(token: str) -> bool:
    """Say whether somebody else's description of a type is here."""
    if token not in _index():
        return token in _WEB and web_models.is_a_model(_WEB[token])
    entry = _index()[token]
    described = _types(entry["file"])[entry["resourceIndex"]]
    return bool(described.get("name") == f"{entry['armType']}@{entry['apiVersion']}")


def version(token: str) -> str:
    """Return which version of a type is described in tests/data/arm-types."""
    return str(_index()[token]["apiVersion"])


def token_beside(arm_type: str) -> str:
    """Return the token of a type that no program makes; "" says that nobody describes it."""
    found = (token for token, entry in _index().items() if entry["armType"] == arm_type)
    return next(found, "")


def faults(token: str, body: dict[str, Any], *, answer: bool = False) -> list[str]:
    """Return what is wrong with a body, as path and reason. An ``answer`` may have what is read-only."""
    if token in _WEB:
        return list(web_models.faults(_WEB[token], body, answer=answer))
    entry = _index()[token]
    types = _types(entry["file"])
    resource = types[entry["resourceIndex"]]
    return list(_of_type(types, resource["body"], body, "", answer=answer))


def _of_type(
    types: list[dict[str, Any]], reference: dict[str, Any], value: Any, path: str, *, answer: bool
) -> Iterator[str]:
    kind = types[int(reference["$ref"].rpartition("/")[2])]
    match kind["$type"]:
        case "ObjectType":
            yield from _of_object(types, kind, value, path, answer=answer)
        case "DiscriminatedObjectType":
            yield from _of_chosen(types, kind, value, path, answer=answer)
        case "ArrayType":
            yield from _if(isinstance(value, list), f"{path}: is no list")
            for number, one in enumerate(value if isinstance(value, list) else []):
                yield from _of_type(types, kind["itemType"], one, f"{path}[{number}]", answer=answer)
        case "UnionType":
            found = [list(_of_type(types, one, value, path, answer=answer)) for one in kind["elements"]]
            yield from _if(not all(found), f"{path}: {value!r} is none of the union")
        case "StringLiteralType":
            same = str(value).lower() == str(kind["value"]).lower()
            yield from _if(same, f"{path}: is not {kind['value']}")
        case plain:
            yield from _if(_is_plain(plain, value), f"{path}: {value!r} is no {plain}")


def _is_plain(kind: str, value: Any) -> bool:
    if kind == "IntegerType":
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, {"StringType": str, "BooleanType": bool}.get(kind, object))


def _of_chosen(
    types: list[dict[str, Any]], kind: dict[str, Any], value: Any, path: str, *, answer: bool
) -> Iterator[str]:
    chosen = kind["elements"].get(value.get(kind["discriminator"])) if isinstance(value, dict) else None
    if chosen is None:
        yield f"{path}: no element for {kind['discriminator']}"
        return
    element = types[int(chosen["$ref"].rpartition("/")[2])]
    both = {**element, "properties": {**kind["baseProperties"], **element["properties"]}}
    yield from _of_object(types, both, value, path, answer=answer)


def _of_object(
    types: list[dict[str, Any]], kind: dict[str, Any], value: Any, path: str, *, answer: bool
) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: is no object"
        return
    known = kind.get("properties") or {}
    for name, one in value.items():
        here = f"{path}.{name}" if path else name
        if name in known:
            yield from _of_property(types, known[name], one, here, answer=answer)
        elif kind.get("additionalProperties"):
            yield from _of_type(types, kind["additionalProperties"], one, here, answer=answer)
        elif not (path == "" and name in _OF_EVERY_ANSWER and answer):
            yield f"{here}: Microsoft's types do not have it"
    for name, described in known.items():
        needed = described["flags"] & _REQUIRED and not described["flags"] & _READ_ONLY
        in_the_path = path == "" and name in {"name", "id", "type", "apiVersion"}
        if needed and name not in value and not in_the_path and not answer:
            yield f"{path}.{name}: is required"


def _of_property(
    types: list[dict[str, Any]], described: dict[str, Any], value: Any, path: str, *, answer: bool
) -> Iterator[str]:
    flags = described["flags"]
    if flags & _READ_ONLY and not answer and path not in {"id", "name", "type"}:
        yield f"{path}: is read-only"
    elif flags & _WRITE_ONLY and answer and value is not None:
        yield f"{path}: is write-only"
    elif value is not None:
        yield from _of_type(types, described["type"], value, path, answer=answer)


_OF_EVERY_ANSWER = frozenset({"id", "name", "type", "etag", "systemData", "location", "tags"})


def _if(truth: bool, otherwise: str) -> Iterator[str]:  # noqa: FBT001 - reads as a sentence
    if not truth:
        yield otherwise
