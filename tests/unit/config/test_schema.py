from __future__ import annotations

import functools
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tenantry.config import formats
from tenantry.config import profile as profile_module
from tenantry.config.azure import ACCOUNT_PATTERN, CONTAINER_PATTERN, GUID_PATTERN, KEY_PATTERN
from tenantry.config.kinds import INVALID
from tenantry.config.reader import parse_document
from tenantry.config.schema import SCHEMAS, document, reference, schema
from tenantry.config.spec_fields import PROFILE_NAME_PATTERN
from tenantry.errors import SpecError, UsageError

ROOT = Path(__file__).parents[3]
BASE = Path("/nowhere")
QUICK = settings(deadline=None, database=None, max_examples=80, suppress_health_check=[HealthCheck.too_slow])


@functools.cache
def validator(name: str) -> Any:
    return jsonschema.Draft202012Validator(schema(name))


def loads(name: str, text: str) -> bool:
    """Say whether a text binds, looking at nothing beside it."""
    try:
        root, findings = parse_document(text.encode(), shown="x.yaml", base=BASE)
        bound = SCHEMAS[name].bind(root, "", findings)
    except SpecError:
        return False
    assert (bound is INVALID) == bool(findings.found)
    return bound is not INVALID


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_valid_json_schema(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schema(name))


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_key_of_a_schema_is_described(name: str) -> None:
    def check(part: dict[str, Any]) -> None:
        for key, value in part.get("properties", {}).items():
            assert value["description"].endswith("."), key
            check(value)
        check_items = part.get("items")
        if check_items:
            check(check_items)

    check(schema(name))


def test_an_unknown_schema_is_a_mistake_of_usage() -> None:
    with pytest.raises(UsageError):
        schema("plan")


def test_defaults_are_those_of_the_model() -> None:
    keys = schema("spec")["properties"]
    assert keys["size"]["default"] == "small"
    assert keys["backups"]["properties"]["keep_full"]["default"] == 4
    assert keys["client"]["properties"]["languages"]["default"] == ["en"]
    assert "default" not in keys["name"]


@pytest.mark.parametrize(
    "path",
    [Path(profile_module.__file__).parents[1] / "profiles" / "121-platform.yaml"],
    ids=lambda path: path.stem,
)
def test_the_profiles_that_ship_are_valid_under_the_schema(path: Path) -> None:
    validator("profile").validate(yaml.safe_load(path.read_text(encoding="utf-8")))


def test_the_reference_page_has_a_line_per_key() -> None:
    page = document(schema("spec"))
    assert "| `client.country` |" in page
    assert "| `backups.keep_full` | whole number 1-365 | `4` |" in page
    assert "| `variables[].name` |" in document(schema("profile"))


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_reference_pages_are_up_to_date(name: str) -> None:
    page = ROOT / "docs" / "reference" / f"{name}.md"
    assert page.read_text(encoding="utf-8") == reference(name), "write the page anew with schema.reference()"


def values_of(part: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Make values that a part of a schema allows."""
    if "const" in part:
        return st.just(part["const"])
    if "enum" in part:
        return st.sampled_from(part["enum"])
    makers = {
        "boolean": lambda _: st.booleans(),
        "integer": lambda part: st.integers(part["minimum"], part["maximum"]),
        "number": lambda part: st.integers(int(part["minimum"]) + 1, int(part["maximum"])),
        "array": lists_of,
        "object": objects_of,
        "string": texts_of,
    }
    return makers[part["type"]](part)


def lists_of(part: dict[str, Any]) -> st.SearchStrategy[list[Any]]:
    least = part.get("minItems", 0)
    unique = repr if part.get("uniqueItems") else None
    return st.lists(
        values_of(part["items"]), min_size=least, max_size=min(part["maxItems"], least + 3), unique_by=unique
    )


# Texts at the edges of each pattern, by what the pattern is for. Making them from the pattern takes seconds.
SAMPLES = {
    formats.NAME_PATTERN: ["ab", "a" * 40, "a-1-b", "z9"],
    formats.HOST_NAME_PATTERN: ["a", "9", "a" * 63, "a--b"],
    formats.HOSTNAME_PATTERN: [
        "a.b",
        "a" * 63 + ".b",
        "xn--bnin-bpa.example.org",
        "1.2.c3",
        ".".join(["a"] * 127),
    ],
    formats.EMAIL_PATTERN: ["a@b.cd", "o'hara+x@a-b.co", "é@b.org", "x" * 64 + "@b.org"],
    formats.LANGUAGE_PATTERN: ["no", "swc", "pt-BR", "zh-Hant-TW", "es-419", "sl-rozaj-1994"],
    formats.RECIPIENT_PATTERN: ["age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"],
    formats.VARIABLE_PATTERN: ["A", "_", "A9_B", "N" * 127],
    GUID_PATTERN: ["00000000-0000-0000-0000-000000000000", "0A1b2c3d-ABCD-efab-0123-456789abcdef"],
    PROFILE_NAME_PATTERN: ["1", "121-platform", "a" * 40],
    ACCOUNT_PATTERN: ["abc", "0" * 24, "stteam1"],
    CONTAINER_PATTERN: ["abc", "a-b", "0" * 63],
    KEY_PATTERN: [
        f"https://kv-team.vault.azure.net/keys/engine/{'0' * 32}",
        f"https://K-9.vault.azure.cn/keys/{'a' * 127}/{'f' * 32}",
    ],
}


def texts_of(part: dict[str, Any]) -> st.SearchStrategy[str]:
    if pattern := part.get("pattern"):
        return st.sampled_from(SAMPLES[pattern])
    alphabet = st.characters(categories=["L", "N", "P"]) | st.sampled_from(" 01:#-~")
    return st.text(alphabet=alphabet, min_size=part["minLength"], max_size=min(part["maxLength"], 30))


def test_the_samples_match_their_patterns() -> None:
    assert all(re.search(pattern, text) for pattern, texts in SAMPLES.items() for text in texts)


def objects_of(part: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    if "properties" not in part:
        keys = st.sampled_from(SAMPLES[part["propertyNames"]["pattern"]])
        return st.dictionaries(keys, values_of(part["additionalProperties"]), max_size=3)
    required = part.get("required", ())
    properties = {key: values_of(value) for key, value in part["properties"].items()}
    return st.fixed_dictionaries(
        {key: value for key, value in properties.items() if key in required},
        optional={key: value for key, value in properties.items() if key not in required},
    )


VALUES = {name: objects_of(schema(name)) for name in ("spec", "workspace")}


def without_rules_of_their_own(value: Any) -> Any:
    """Take out the texts whose rule is no regular expression: addresses and URLs."""
    for key in ("bind", "acme_directory"):
        value.get("host", {}).pop(key, None)
    value.pop("azure", None)  # which of its keys go together is told in tests of its own
    value.pop("register", None)
    return value


@pytest.mark.parametrize("name", ["spec", "workspace"])
@QUICK
@given(data=st.data())
def test_what_the_schema_allows_can_be_read(name: str, data: st.DataObject) -> None:
    value = without_rules_of_their_own(data.draw(VALUES[name]))
    validator(name).validate(value)
    assert loads(name, json.dumps(value, ensure_ascii=False))


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 10**6)
    | st.text(max_size=8)
    | st.sampled_from(["host", "BJ", "fr"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@QUICK
@given(data=st.data())
def test_what_the_schema_refuses_is_not_read(data: st.DataObject) -> None:
    value = data.draw(VALUES["spec"])
    key = data.draw(st.sampled_from(sorted([*schema("spec")["properties"], "else"])))
    value[key] = data.draw(JUNK)
    if not validator("spec").is_valid(value):
        assert not loads("spec", json.dumps(value, ensure_ascii=False))
