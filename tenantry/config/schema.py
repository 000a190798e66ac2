"""The JSON Schemas of the files that people write, made from the tables that read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from tenantry.config.blocks import Record
from tenantry.config.profile_fields import DERIVED_SOURCES, PROFILE_RECORD
from tenantry.config.spec_fields import SPEC_RECORD
from tenantry.config.workspace import WORKSPACE_RECORD
from tenantry.errors import UsageError

__all__ = ["SCHEMAS", "document", "reference", "schema"]

SCHEMAS: Final[Mapping[str, Record]] = {
    "spec": SPEC_RECORD,
    "workspace": WORKSPACE_RECORD,
    "profile": PROFILE_RECORD,
}


def schema(name: str) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of "spec", "workspace" or "profile".

    What a schema cannot say (a file that must exist, settings that a profile
    must know) is checked only when the file is loaded.
    """
    if name not in SCHEMAS:
        raise UsageError(f"there is no schema {name}", hint=f"known: {', '.join(SCHEMAS)}")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **SCHEMAS[name].json_schema()}


def reference(name: str) -> str:
    """Return the reference page of a file format, docs/reference/<name>.md."""
    page = document(schema(name))
    if name != "profile":
        return page
    lines = ["", "## Sources of derived variables", "", "| Source | Value |", "|---|---|"]
    lines += [f"| `{source}` | {meaning} |" for source, meaning in DERIVED_SOURCES.items()]
    lines.append("| `folder.<name>` | path of one of the profile's folders |")
    return page + "\n".join(lines) + "\n"


def document(schema: Mapping[str, Any]) -> str:
    """Return a schema as Markdown: one line per key."""
    lines = [f"# {schema.get('title', 'Keys')}", "", _prose(schema), ""]
    lines += ["| Key | Value | Default | Meaning |", "|---|---|---|---|", *_rows(schema, "")]
    return "\n".join(lines) + "\n"


def _rows(schema: Mapping[str, Any], prefix: str) -> Iterator[str]:
    required = schema.get("required", ())
    for key, part in schema.get("properties", {}).items():
        path = f"{prefix}{key}"
        default = part.get("default", "")
        if isinstance(default, list):
            default = ", ".join(str(item) for item in default)
        elif isinstance(default, bool):
            default = str(default).lower()
        told = "**required**" if key in required else f"`{default}`" if default != "" else ""
        yield f"| `{path}` | {_values(part)} | {told} | {_prose(part)} |"
        yield from _rows(part, f"{path}.")
        yield from _rows(part.get("items", {}), f"{path}[].")


def _prose(part: Mapping[str, Any]) -> str:
    """Return the description; in Markdown, <name> would be taken for a tag."""
    return str(part.get("description", "")).replace("<", "&lt;")


def _values(part: Mapping[str, Any]) -> str:
    few = 8
    if "const" in part:
        return f"`{part['const']}`"
    if "enum" in part:
        shown = [f"`{value}`" for value in part["enum"][:few]]
        return ", ".join(shown) + (", …" if len(part["enum"]) > few else "")
    if part.get("type") == "array":
        return f"list of {_values(part['items'])}"
    if part.get("type") == "object":
        return "keys and values" if "additionalProperties" in part and "properties" not in part else "block"
    words = {"string": "text", "boolean": "true or false", "integer": "whole number", "number": "number"}
    word = words.get(part.get("type", ""), "")
    return f"{word} {part['minimum']}-{part['maximum']}" if "minimum" in part else word
