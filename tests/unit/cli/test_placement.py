"""Where an instance on Azure is told to live when its first deploy was killed early."""

from __future__ import annotations

from pathlib import Path

import pytest

from tenantry.cli.wiring import Wiring
from tests.unit.cli.conftest import SPECS, Run

_ASKED = SPECS["azure"] + "azure: {region: southafricanorth}\n"


@pytest.fixture
def spec(ready: Run, workspace: Path) -> Path:
    """The spec of an instance of which nothing is recorded but that it is."""
    path = workspace / "instances" / "benin.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(_ASKED, encoding="utf-8")
    wiring = Wiring(workspace)
    wiring.adder(*wiring.spec("benin"))()
    return path


def _told(run: Run) -> set[str]:
    (row,) = run("instance", "list")[1]["data"]["instances"]
    return {row["placement"], run("instance", "show", "benin")[1]["data"]["placement"]}


@pytest.mark.usefixtures("spec")
def test_it_is_the_region_of_its_spec(ready: Run) -> None:
    assert _told(ready) == {"southafricanorth"}


def test_it_is_unknown_without_a_spec_that_can_be_read(ready: Run, spec: Path) -> None:
    spec.write_text("tenantry: 1\n", encoding="utf-8")
    assert _told(ready) == {"unknown"}
    spec.unlink()
    assert _told(ready) == {"unknown"}


def test_what_was_recorded_before_the_first_effect_counts_more(
    ready: Run, spec: Path, workspace: Path
) -> None:
    Wiring(workspace).register.update("benin", facts={"azure_region": "westeurope"})
    assert spec.is_file()
    assert _told(ready) == {"westeurope"}
