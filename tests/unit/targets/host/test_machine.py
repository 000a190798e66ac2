from __future__ import annotations

from pathlib import Path

from tenantry.model.spec import HostSettings
from tenantry.targets.host.machine import Machine


def test_stopping_a_host_on_which_nothing_was_started_does_nothing(tmp_path: Path) -> None:
    settings = HostSettings(root=tmp_path / "root", runtime=tmp_path / "runtime")
    Machine(settings).stop()
    assert list(tmp_path.iterdir()) == []
