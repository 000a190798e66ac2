"""The command line starts without the heavy packages; each is imported where it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

_HEAVY = ("pulumi", "grpc", "sqlalchemy", "alembic", "pydantic", "rich", "cryptography", "pyrage", "pg8000")
_CODE = """
import sys
from tenantry.cli.app import main
sys.argv = ["tenantry", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    if end.code:
        raise
print("\\nMODULES", *sorted({name.partition(".")[0] for name in sys.modules}))
"""


@pytest.fixture(scope="module")
def modules() -> set[str]:
    """The top-level modules that ``tenantry --help`` has imported when it ends."""
    argv = [sys.executable, "-c", _CODE, "--help"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("MODULES")[2].split())


@pytest.mark.parametrize("package", _HEAVY)
def test_help_does_not_import(package: str, modules: set[str]) -> None:
    assert package not in modules
