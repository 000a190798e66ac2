"""The types of assets that the components make, and those that an erasure knows all about.

What is made is asked of the engine, which plans an instance of every service, and of the
components' source, which also has what is made later, such as a host name. What is
known stands in the table of asset types. A row answers how its type is listed, how
long Azure keeps it and how it is seen to be gone; it counts when the step by which it
goes is one of an erasure's.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterable
from pathlib import Path

from bench.figures import Figure
from tenantry.components import azure as components
from tenantry.model.azure_types import TYPES
from tenantry.targets.azure.asset_types import ASSET_TYPES

__all__ = ["coverage", "named_by_the_components"]

_LEAST = 1.0


def coverage(tokens: Iterable[str], *, steps: Iterable[str]) -> Figure:
    """Compare the types of a plan with the table.

    Args:
        tokens: of what is planned; those of components, which only group, do not count.
        steps: the names of an erasure's steps; what goes at once stands in one, with semicolons.
    """
    tokens = {one for one in tokens if not one.startswith(("tenantry:", "pulumi:"))}
    made = {TYPES[one].arm_type.lower() if one in TYPES else one for one in tokens}
    named = {name for joined in steps for name in joined.split("; ")}
    known = {name.lower() for name, row in ASSET_TYPES.items() if row.step in named}
    return Figure(
        name="asset types with all rows / types that components make",
        ours=(float(len(made & known)),),
        baseline=(float(len(made)),),
        unit="types",
        least=_LEAST,
    )


def named_by_the_components() -> set[str]:
    """Return the tokens of all classes of resources that the components' source names."""
    import pulumi

    found = set()
    for path in Path(components.__path__[0]).glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        imports = [one for one in ast.walk(tree) if isinstance(one, ast.ImportFrom)]
        modules = {name.name for one in imports if one.module == "pulumi_azure_native" for name in one.names}
        for node in ast.walk(tree):
            if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
                continue
            if node.value.id not in modules:
                continue
            module = importlib.import_module(f"pulumi_azure_native.{node.value.id}")
            named = getattr(module, node.attr, None)
            if isinstance(named, type) and issubclass(named, pulumi.CustomResource):
                found.add(f"azure-native:{node.value.id}:{node.attr}")
    return found
