"""What the sizes mean on Azure, and where a portal goes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tenantry.config.regions import catalogue
from tenantry.model.azure_sizes import AZURE_SIZES, PORTAL_REGIONS, portal_region
from tenantry.model.spec import Size

_PAGE = Path(__file__).parents[3] / "docs" / "reference" / "azure-sizes.md"


@pytest.mark.parametrize("size", Size)
def test_no_size_takes_a_burstable_server(size: Size) -> None:
    assert AZURE_SIZES[size].server_tier in {"GeneralPurpose", "MemoryOptimized"}
    assert not AZURE_SIZES[size].server_sku.startswith("Standard_B")


@pytest.mark.parametrize("size", Size)
def test_timers_inside_a_process_run_once(size: Size) -> None:
    assert AZURE_SIZES[size].plan_workers == 1


def test_a_larger_size_has_more_of_everything() -> None:
    small, medium, large = (AZURE_SIZES[size] for size in (Size.SMALL, Size.MEDIUM, Size.LARGE))
    assert small.server_storage_gib < medium.server_storage_gib < large.server_storage_gib
    assert small.server_connections < medium.server_connections < large.server_connections


@pytest.mark.parametrize("size", Size)
def test_the_page_tells_what_a_size_takes(size: Size) -> None:
    page = _PAGE.read_text(encoding="utf-8")
    wanted = AZURE_SIZES[size]
    for text in (wanted.server_sku, wanted.plan_sku, wanted.cache_sku, str(wanted.server_storage_gib)):
        assert f"| {text} " in page or f" {text} |" in page or f" {text} " in page


@pytest.mark.parametrize(
    ("name", "portal"),
    [
        ("westeurope", "westeurope"),
        ("southafricanorth", "westeurope"),
        ("eastasia", "eastasia"),
        ("canadacentral", "eastus2"),
        ("indonesiacentral", "eastasia"),
    ],
)
def test_a_portal_is_managed_in_the_nearest_region_that_takes_one(name: str, portal: str) -> None:
    region = catalogue().find(name)
    assert region is not None
    assert portal_region(region) == portal


def test_the_regions_of_portals_are_in_the_catalogue_at_the_same_place() -> None:
    for name, place in PORTAL_REGIONS.items():
        region = catalogue().find(name)
        assert region is not None
        assert region.place == place
