"""The smoke test of a real subscription, run where it costs nothing: in a sandbox."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.azure_fleet import running_fleet

pytestmark = [pytest.mark.soak, pytest.mark.timeout(900)]
_ROOT = Path(__file__).parents[2]


def _smoke(workspace: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tools.azure_smoke"],
        cwd=_ROOT,
        env={**os.environ, "WORKSPACE": str(workspace), "REGION": "southafricanorth", **settings},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def test_a_life_is_recorded_compared_and_nothing_of_it_is_left(tmp_path: Path) -> None:
    with running_fleet(tmp_path) as fleet:
        done = _smoke(fleet.workspace)
        assert done.returncode == 0, done.stderr
        (record,) = (fleet.workspace / "azure-smoke").glob("*/record.json")
        told = json.loads(record.read_text())
        assert {one["exit"] for one in told["steps"]} == {0}
        assert told["steps"][-1]["command"] == ["tick"]
        assert "Microsoft.DBforPostgreSQL/flexibleServers" in told["answers"]
        assert "smoke-" not in json.dumps(told["answers"]), "a name that was chosen"
        assert fleet.sandbox.arm().list(f"{fleet.sandbox.subscription}/resourceGroups", "2024-03-01") == []
        again = _smoke(fleet.workspace, AGAINST=str(record.parent))
        assert again.returncode == 0, again.stderr
        assert "the answers have the same shapes" in again.stdout
