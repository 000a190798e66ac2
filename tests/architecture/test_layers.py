"""Who may import whom. The rule is in this file; docs/explanation/architecture.md tells the reasons."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_PACKAGE = _ROOT / "tenantry"

# For each layer, the layers that it may import. Its own and the basis always may be imported.
_BASIS = frozenset({"errors", "errorline", "faults", "loopback", "loopback_http"})
_MAY_IMPORT: dict[str, frozenset[str]] = {
    **{name: frozenset() for name in _BASIS},
    "model": frozenset(),
    "ports": frozenset({"model"}),
    "result": frozenset({"model"}),
    "config": frozenset({"model"}),
    "providers": frozenset({"model", "ports"}),
    "adapters": frozenset({"model", "ports"}),
    "components": frozenset({"model", "ports", "providers"}),
    "stacks": frozenset({"model", "components", "config"}),
    "targets": frozenset({"model", "ports", "config", "stacks", "components", "adapters", "providers"}),
    "journeys": frozenset({"model", "ports", "result"}),
    # Stands beside the product: an Azure that the product calls, which knows nothing of it.
    "sandbox": frozenset({"model", "config", "providers"}),
    "cli": frozenset({"model", "ports", "result", "config", "journeys"}),
}
# One module joins everything together, and one starts it.
_WIRING = "tenantry.cli.wiring"
# The commands that start and stop the sandbox.
_SANDBOXING = "tenantry.cli.sandboxing"
_MAIN = "tenantry.__main__"

# Third parties that stay in their place: package -> beginnings of the modules that may import it.
_ONLY_IN: dict[str, tuple[str, ...]] = {
    "pulumi": (
        "tenantry.components",
        "tenantry.stacks",
        "tenantry.providers.base",
        "tenantry.adapters.engine",
        "tenantry.sandbox.native",
    ),
    "grpc": (
        "tenantry.providers.base",
        "tenantry.adapters.engine",
        "tenantry.sandbox.native",
    ),
    "starlette": ("tenantry.sandbox",),
    "uvicorn": ("tenantry.sandbox",),
    "typer": ("tenantry.cli",),
    "click": ("tenantry.cli",),
    "sqlalchemy": ("tenantry.adapters",),
    "alembic": ("tenantry.adapters",),
}


@dataclass(frozen=True)
class _Import:
    module: str  # who imports
    imported: str  # what
    where: str  # tenantry/cli/app.py:12


def _name(path: Path) -> str:
    parts = path.relative_to(_ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(path: Path) -> Iterator[_Import]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        where = f"{path.relative_to(_ROOT)}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield _Import(_name(path), alias.name, where)
        elif isinstance(node, ast.ImportFrom):
            module = _absolute(path, node)
            # `from tenantry import faults` imports tenantry.faults
            names = [f"{module}.{alias.name}" for alias in node.names] if module == "tenantry" else [module]
            for name in names:
                yield _Import(_name(path), name, where)


def _absolute(path: Path, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    package = _name(path).split(".") if path.name == "__init__.py" else _name(path).split(".")[:-1]
    return ".".join([*package[: len(package) - node.level + 1], *([node.module] if node.module else [])])


@functools.cache
def _all_imports() -> list[_Import]:
    return [item for path in sorted(_PACKAGE.rglob("*.py")) for item in _imports(path)]


def _layer(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def _complaint(broken: list[str], rule: str) -> str:
    return f"{rule}\n" + "\n".join(f"  {line}" for line in broken)


@pytest.mark.parametrize("layer", sorted(_MAY_IMPORT))
def test_a_layer_imports_only_what_lies_below_it(layer: str) -> None:
    permitted = _MAY_IMPORT[layer] | _BASIS | {layer, ""}
    broken = [
        f"{item.where} imports {item.imported}"
        for item in _all_imports()
        if _layer(item.module) == layer
        and item.module != _WIRING
        and not (item.module == _SANDBOXING and _layer(item.imported) == "sandbox")
        and item.imported.split(".")[0] == "tenantry"
        and _layer(item.imported) not in permitted
        # `from tenantry import __version__` is no layer
        and (_PACKAGE / f"{_layer(item.imported)}.py").exists() | (_PACKAGE / _layer(item.imported)).is_dir()
    ]
    rule = f"{layer} may import {', '.join(sorted(permitted - {'', layer})) or 'nothing of ours'}:"
    assert not broken, _complaint(broken, rule)


def test_every_part_of_the_package_is_a_layer_with_a_rule() -> None:
    parts = {
        path.stem for path in _PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    unknown = parts - {"__init__", "__main__", *_MAY_IMPORT}
    assert not unknown, f"say in {Path(__file__).name} what these may import: {sorted(unknown)}"


@pytest.mark.parametrize("third_party", sorted(_ONLY_IN))
def test_a_third_party_stays_in_its_place(third_party: str) -> None:
    permitted = _ONLY_IN[third_party]
    broken = [
        f"{item.where} imports {item.imported}"
        for item in _all_imports()
        if item.imported.split(".")[0] == third_party and not item.module.startswith(permitted)
    ]
    assert not broken, _complaint(broken, f"only {', '.join(permitted)} may import {third_party}:")


def test_nothing_imports_the_command_line() -> None:
    broken = [
        f"{item.where} imports {item.imported}"
        for item in _all_imports()
        if _layer(item.imported) == "cli" and _layer(item.module) != "cli" and item.module != _MAIN
    ]
    assert not broken, _complaint(broken, "nothing below the command line knows it:")


def test_only_the_wiring_imports_targets_adapters_and_providers_in_the_command_line() -> None:
    broken = [
        f"{item.where} imports {item.imported}"
        for item in _all_imports()
        if _layer(item.module) == "cli"
        and item.module != _WIRING
        and _layer(item.imported) in {"targets", "adapters", "providers"}
    ]
    assert not broken, _complaint(broken, "only tenantry/cli/wiring.py joins the parts:")


def test_only_the_wiring_and_its_own_commands_import_the_sandbox() -> None:
    broken = [
        f"{item.where} imports {item.imported}"
        for item in _all_imports()
        if _layer(item.imported) == "sandbox"
        and _layer(item.module) != "sandbox"
        and item.module not in {_WIRING, _SANDBOXING}
    ]
    assert not broken, _complaint(broken, "the product does not know that there is a sandbox:")
