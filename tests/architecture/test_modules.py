"""What every module has: a docstring, an explicit ``__all__``, a size that can be read."""

from __future__ import annotations

import ast
import functools
import statistics
from collections.abc import Iterator
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_LONGEST_FILE = 600  # lines; 19 of 20 files stay below two thirds of it
_LONGEST_FUNCTION = 80
_MEDIAN_FUNCTION = 12


def _modules() -> list[Path]:
    paths = sorted((_ROOT / "tenantry").rglob("*.py"))
    # Migrations are read by Alembic alone, which prescribes their names.
    return [path for path in paths if "versions" not in path.parts and path.stat().st_size]


def _name(path: Path) -> str:
    return str(path.relative_to(_ROOT))


@functools.cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the lines of a function without its docstring."""
    docstring = function.body[0] if ast.get_docstring(function) else None
    own = 0 if docstring is None else (docstring.end_lineno or 0) - docstring.lineno + 1
    return (function.end_lineno or function.lineno) - function.lineno + 1 - own


def _exports(path: Path) -> bool:
    return any(
        isinstance(target, ast.Name) and target.id == "__all__"
        for node in _tree(path).body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    )


def test_every_module_has_a_docstring() -> None:
    assert [_name(path) for path in _modules() if not ast.get_docstring(_tree(path))] == []


def test_every_module_says_what_it_exports() -> None:
    public = [path for path in _modules() if not path.name.startswith("_") and path.name != "env.py"]
    assert [_name(path) for path in public if not _exports(path)] == []


def test_no_file_is_too_long_to_read() -> None:
    long = {_name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in _modules()}
    assert {name: lines for name, lines in long.items() if lines > _LONGEST_FILE} == {}


def test_nearly_every_file_is_read_in_one_go() -> None:
    lengths = sorted(len(path.read_text(encoding="utf-8").splitlines()) for path in _modules())
    assert lengths[int(len(lengths) * 0.95) - 1] <= _LONGEST_FILE * 2 // 3


def test_no_function_is_too_long() -> None:
    found = {
        f"{_name(path)}:{f.lineno} {f.name}": _length(f) for path in _modules() for f in _functions(path)
    }
    assert {name: lines for name, lines in found.items() if lines > _LONGEST_FUNCTION} == {}


def test_a_function_is_short_in_the_median() -> None:
    lengths = [_length(function) for path in _modules() for function in _functions(path)]
    assert statistics.median(lengths) <= _MEDIAN_FUNCTION
