"""What is installed is what is in the tree: no package, template or schema is left out of the wheel."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> frozenset[str]:
    """The names in a wheel that is built from a copy of the tree."""
    copy = tmp_path_factory.mktemp("tree")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(_ROOT / name, copy)
    shutil.copytree(_ROOT / "tenantry", copy / "tenantry", ignore=shutil.ignore_patterns("__pycache__"))
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--wheel-dir", copy, copy], check=True, capture_output=True, timeout=120)
    with zipfile.ZipFile(next(copy.glob("*.whl"))) as packed:
        return frozenset(packed.namelist())


def test_the_wheel_holds_every_file_of_the_package(wheel: frozenset[str]) -> None:
    tree = {
        str(path.relative_to(_ROOT))
        for path in (_ROOT / "tenantry").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert tree - wheel == set()


def test_the_wheel_holds_the_licence(wheel: frozenset[str]) -> None:
    assert any(name.endswith("licenses/LICENSE") for name in wheel)
