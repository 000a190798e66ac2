from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import pytest

from tenantry.model.residency import AzurePlacement, ZoneRedundancy
from tenantry.targets.azure.cautions import NO_STANDBY, cautions
from tests.journeys.sweep import spec_and_profile

_OFF, _PREFERRED, _REQUIRED = ZoneRedundancy.OFF, ZoneRedundancy.PREFERRED, ZoneRedundancy.REQUIRED
_DENIED = {NO_STANDBY: "yes"}


@pytest.mark.parametrize(
    ("region", "asked", "facts", "why"),
    [
        ("westeurope", _PREFERRED, {}, "refuses new zone-redundant servers"),
        ("ukwest", _PREFERRED, {}, "has no zone-redundant servers"),
        ("southafricanorth", _PREFERRED, _DENIED, "offers this subscription none"),
        ("southafricanorth", _PREFERRED, {}, ""),
        ("southafricanorth", _REQUIRED, _DENIED, ""),
        ("westeurope", _OFF, {}, ""),
    ],
)
def test_a_database_that_gets_no_standby_though_its_spec_would_have_one_is_told(
    region: str, asked: ZoneRedundancy, facts: Mapping[str, str], why: str
) -> None:
    spec, profile = spec_and_profile()
    spec = dataclasses.replace(spec, azure=AzurePlacement(region=region, zone_redundancy=asked))
    found = cautions(spec, profile, facts)
    assert [one.code for one in found] == ["no-standby"] * bool(why)
    assert all(region in one.message and why in one.message and one.hint for one in found)


def test_a_workload_without_a_database_misses_no_standby() -> None:
    spec, profile = spec_and_profile()
    spec = dataclasses.replace(spec, azure=AzurePlacement(region="westeurope"))
    assert cautions(spec, dataclasses.replace(profile, services=frozenset()), {}) == ()
