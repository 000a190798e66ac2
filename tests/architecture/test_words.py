"""A rehearsal is told from the real thing in one place only."""

from __future__ import annotations

import re
from pathlib import Path

_PACKAGE = Path(__file__).parents[2] / "tenantry"


def test_components_targets_and_journeys_know_of_no_sandbox_but_in_the_table_of_clouds() -> None:
    knowing = {
        str(path.relative_to(_PACKAGE))
        for part in ("components", "targets", "journeys", "stacks")
        for path in (_PACKAGE / part).rglob("*.py")
        if re.search(r"sandbox", path.read_text(encoding="utf-8"), re.IGNORECASE)
    }
    assert knowing == {"targets/azure/clouds.py"}
