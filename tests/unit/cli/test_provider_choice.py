"""Which provider the engine works with on Azure: its own plugin where it is, a stand-in to rehearse with."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tenantry.cli.wiring import Wiring
from tenantry.errors import UnavailableError


def _clients(*, rehearsal: bool) -> Any:
    """What is asked of an instance's clients before a provider is served."""
    return SimpleNamespace(access=SimpleNamespace(cloud=SimpleNamespace(rehearsal=rehearsal)))


def _installed(folder: Path) -> None:
    program = folder / "pulumi-resource-azure-native"
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)


@pytest.fixture(autouse=True)
def empty_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A PATH with nothing on it."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.mark.parametrize("rehearsal", [True, False])
def test_a_plugin_on_path_is_used_to_rehearse_too(
    workspace: Path, empty_path: Path, *, rehearsal: bool
) -> None:
    _installed(empty_path)
    with Wiring(workspace).native(_clients(rehearsal=rehearsal)) as served:
        assert served == {}, "the engine starts it itself"


def test_a_plugin_in_the_engines_home_is_used(workspace: Path) -> None:
    _installed(workspace / ".tenantry/engine/home/plugins/resource-azure-native-v3.29.0")
    with Wiring(workspace).native(_clients(rehearsal=False)) as served:
        assert served == {}


def test_a_real_cloud_is_never_worked_on_with_the_stand_in(workspace: Path) -> None:
    wiring = Wiring(workspace)
    with pytest.raises(UnavailableError) as refused, wiring.native(_clients(rehearsal=False)):
        pass
    assert (refused.value.code, refused.value.hint[:21]) == ("no-plugin", "pulumi plugin install")
