from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from tenantry.errors import RefusedError, TenantryError
from tenantry.model.lifecycle import State
from tenantry.model.regions import CloudName
from tenantry.model.residency import AzurePlacement
from tenantry.ports import Event, Request
from tenantry.targets.azure.cautions import offers_standby
from tenantry.targets.azure.clouds import CLOUD, CLOUDS
from tenantry.targets.azure.deciding import missing_facts
from tenantry.targets.azure.rights import POLICY_READER
from tenantry.targets.azure.values import OPERATION, REGION, SUBSCRIPTION, SUFFIX
from tests.journeys.sweep import spec_and_profile
from tests.support.instances import recorded


class _Azure:
    """A subscription that is ready; its policies may not be asked for."""

    def __init__(self, *, standby: str = "Enabled") -> None:
        self.asked: list[str] = []
        self._standby = standby

    def list(self, path: str, version: str, **query: str) -> Sequence[dict[str, Any]]:
        self.asked.append(path)
        if path.endswith("/capabilities"):
            sizes = [{"name": "Standard_D2ds_v5", "vCores": 2}]
            editions = [{"supportedServerSkus": sizes}]
            offered = {"supportedServerVersions": [{"name": "17"}], "supportedServerEditions": editions}
            return [{**offered, "zoneRedundantHaSupported": self._standby}]
        return []

    def post(self, path: str, version: str, body: Any = None, **query: str) -> dict[str, Any]:
        self.asked.append(path)
        if path.endswith("/checkPolicyRestrictions"):
            error: TenantryError = RefusedError("403: it may not", code="authorization-failed")
            raise error
        return {"nameAvailable": True}


def _decide(
    azure: _Azure, facts: Mapping[str, str], *, rehearsal: bool = False
) -> tuple[Mapping[str, str], list[str]]:
    spec, profile = spec_and_profile()
    spec = dataclasses.replace(spec, azure=AzurePlacement(region="southafricanorth"))
    instance = recorded(name=spec.name, state=State.PROVISIONING, profile=profile.name, facts=facts)
    cloud = dataclasses.replace(CLOUDS[CloudName.PUBLIC], rehearsal=rehearsal)
    access = SimpleNamespace(subscription_id="s", cloud=cloud)
    clients: Any = SimpleNamespace(arm=azure, offers=azure, access=access)
    told: list[Event] = []
    request = Request(spec=spec, profile=profile, instance=instance)
    found = missing_facts(clients, request, operation="op", on_event=told.append)
    return found, [one.text for one in told]


def test_a_new_instance_gets_its_subscription_region_and_names_once() -> None:
    facts, _ = _decide(_Azure(), {})
    assert (facts[SUBSCRIPTION], facts[REGION], facts[OPERATION]) == ("s", "southafricanorth", "op")
    assert len(facts[SUFFIX]) == 6


def test_what_the_check_before_has_looked_at_is_not_asked_again() -> None:
    azure = _Azure()
    _decide(azure, {})
    assert "/subscriptions/s/providers" not in azure.asked
    assert "/subscriptions/s/locations" not in azure.asked


def test_a_new_instance_keeps_in_which_cloud_it_was_made_and_whether_to_rehearse() -> None:
    real, _ = _decide(_Azure(), {})
    assert (real[CLOUD], recorded(facts=real).rehearsal, recorded(facts=real).mark) == ("public", False, "")
    only, _ = _decide(_Azure(), {}, rehearsal=True)
    assert (recorded(facts=only).rehearsal, recorded(facts=only).mark) == (True, "REHEARSAL: ")


def test_that_policies_may_not_be_asked_is_told_and_stops_nothing() -> None:
    facts, told = _decide(_Azure(), {})
    assert facts
    assert len(told) == 1
    assert "unknown" in told[0]
    assert POLICY_READER in told[0]


def test_a_standby_that_azure_denies_is_told_once_and_not_asked_for_from_then_on() -> None:
    facts, told = _decide(_Azure(standby="Disabled"), {})
    assert not offers_standby(facts)
    assert [one for one in told if "no standby" in one]
    assert _decide(_Azure(standby="Disabled"), facts) == ({}, [])
    facts, told = _decide(_Azure(), {})
    assert offers_standby(facts)
    assert not [one for one in told if "no standby" in one]


def test_one_from_before_gets_the_subscription_that_it_lives_in_and_nothing_else() -> None:
    azure = _Azure()
    assert _decide(azure, {SUFFIX: "abc234", REGION: "southafricanorth"}) == ({SUBSCRIPTION: "s"}, [])
    assert azure.asked == []


def test_what_is_decided_stays() -> None:
    azure = _Azure()
    assert _decide(azure, {SUFFIX: "abc234", REGION: "southafricanorth", SUBSCRIPTION: "x"}) == ({}, [])
    assert azure.asked == []
