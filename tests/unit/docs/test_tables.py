"""Tables of the reference say what the code says."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from bench import applying, azure, coverage, lives, paced, starting
from tenantry import errors
from tenantry.targets.azure import observing
from tenantry.targets.azure.asset_types import ASSET_TYPES as ON_AZURE
from tenantry.targets.host import probes
from tenantry.targets.host.inventory import ASSET_TYPES

_REFERENCE = Path(__file__).parents[3] / "docs" / "reference"


def _rows(page: str) -> list[list[str]]:
    lines = (_REFERENCE / page).read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return [row for row in rows[2:] if row[0] not in ("", "---")]


def _observers() -> dict[str, set[str]]:
    """Return the reasons that each observer of a condition may give, by the condition's type."""
    tree = ast.parse(Path(probes.__file__).read_text(encoding="utf-8"))
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    types = re.findall(r'"([A-Z][A-Za-z]+)": partial\((_[a-z_]+)', ast.unparse(tree).replace("'", '"'))
    return {name: _reasons(functions[function]) for name, function in types}


def _reasons(function: ast.FunctionDef) -> set[str]:
    """Return the second of each (holds, reason, message), and what a conditional puts in its place."""
    nodes = list(ast.walk(function))
    found = [node.elts[1] for node in nodes if isinstance(node, ast.Tuple) and len(node.elts) == 3]
    found += [part for node in nodes if isinstance(node, ast.IfExp) for part in (node.body, node.orelse)]
    words = {node.value for node in found if isinstance(node, ast.Constant)}
    return {word for word in words if isinstance(word, str) and re.fullmatch(r"([A-Z][a-z]+)+", word)}


def test_the_page_of_exit_codes_has_every_class_with_its_code() -> None:
    classes = {one: getattr(errors, one) for one in errors.__all__ if one.endswith("Error")}
    coded = {f"`{name}`": str(one.exit_code) for name, one in classes.items() if name != "TenantryError"}
    assert {row[1]: row[0] for row in _rows("exit-codes.md") if row[1]} == coded


def test_the_page_of_asset_types_has_every_type_as_it_is() -> None:
    told = {
        row[0].strip("`"): (row[1], {one for one in row[3].split(", ") if one})
        for row in _rows("asset-types.md")
    }
    assert told == {name: (str(kind.method), set(kind.covers)) for name, kind in ASSET_TYPES.items()}


def test_the_page_of_asset_types_on_azure_has_every_type_as_it_is() -> None:
    told = {row[0].strip("`"): tuple(row[1:]) for row in _rows("asset-types-azure.md")}
    assert told == {
        name: (str(row.listed), row.step, f"{row.kept_days} days" if row.kept_days else "no")
        for name, row in ON_AZURE.items()
    }


def test_the_page_of_conditions_has_every_type_with_its_reasons() -> None:
    told = {row[0].strip("`"): set(re.findall(r"`(\w+)`", row[2] + row[3])) for row in _rows("conditions.md")}
    assert told == _observers()


def test_the_page_of_conditions_on_azure_has_every_type_with_its_reasons() -> None:
    told = {
        row[0].strip("`"): set(re.findall(r"`(\w+)`", row[2] + row[3]))
        for row in _rows("conditions-azure.md")
    }
    tree = ast.parse(Path(observing.__file__).read_text(encoding="utf-8"))
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    looks = dict(re.findall(r"'([A-Z][A-Za-z]+)': (?:one\.|lambda: _)(\w+)", ast.unparse(tree)))
    given = {
        name: _reasons(functions.get(function) or functions[f"_{function}"])
        for name, function in looks.items()
    }
    assert told == given


def test_the_page_of_figures_has_every_limit_as_the_bench_holds_it() -> None:
    told = {row[0]: re.sub(r" s$|^at least ", "", row[2]) for row in _rows("figures.md") if row[2]}
    held = {
        "`tenantry --help`": starting._HELP_LIMIT,
        "`instance list` with 200 instances in the register": starting._LIST_LIMIT,
        "applying an instance's program through the engine adapter": applying._LIMIT,
        "deploy of one instance, from the start of the command to healthy conditions": lives._DEPLOY_LIMIT,
        "erase with all proofs": lives._ERASE_LIMIT,
        "deploy of a new instance on Azure, in the sandbox, to healthy conditions": azure._LIMIT,
        f"deploy and erase at Azure's own pace, {azure._SCALE} times as fast (PostgreSQL: six minutes)": (
            paced._LIMIT
        ),
        "asset types with rows for list, erasure, residue and absence": coverage._LEAST,
        "those of health, without those of the drift that is part of it": azure._BESIDE_DRIFT,
    }
    assert told == {figure: f"{limit:g}" for figure, limit in held.items()}
