from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from threading import Barrier
from typing import Any

import pytest

from tenantry.config.regions import catalogue
from tenantry.errors import Problem, UnavailableError
from tenantry.model.azure_names import AzureNames
from tenantry.model.azure_types import TYPES
from tenantry.model.profile import Service
from tenantry.model.regions import Region
from tenantry.model.residency import AzurePlacement, ZoneRedundancy
from tenantry.targets.azure import capabilities
from tenantry.targets.azure.capabilities import Feature
from tenantry.targets.azure.policies import Planned
from tenantry.targets.azure.preflight import Wanted, newest_postgresql, preflight

_PATIENCE = 10  # seconds, of a look that waits for another one
_NAMES = AzureNames.of("kenya", "san", "abc234")
_SERVICES = frozenset({Service.DATABASE, Service.BLOBS})
_WANTED = Wanted(
    names=_NAMES,
    server_sku="Standard_D2ds_v5",
    placement=AzurePlacement(region="southafricanorth"),
    planned=[Planned(token="keyvault:Vault", location="southafricanorth", tags={})],
)


class _Azure:
    """What a subscription says of itself."""

    def __init__(self) -> None:
        self.providers = {kind.arm_type.partition("/")[0] for kind in TYPES.values()}
        self.locations = {"southafricanorth": "Physical"}
        self.versions = ["14", "16", "17"]
        self.taken: set[str] = set()
        self.silent: set[str] = set()  # names of which it does not say whether they are free
        self.forbidden: set[str] = set()
        self.subscription: dict[str, str] | None = {"state": "Enabled", "tenantId": "d"}
        self.features: dict[str, str] = {}  # that it speaks of
        self.older = False  # it tells each feature by a property of its own
        self.sizes = {"Standard_D2ds_v5": 2, "Standard_E4ds_v5": 4}
        self.used = {"cores": 10, "standardDDSv5Family": 8, "standardEDSv5Family": 12}  # of 12

        self.accounts = 249  # of 250

    def list(self, path: str, version: str, **query: str) -> Sequence[dict[str, Any]]:
        if path.endswith("/providers"):
            return [{"namespace": one, "registrationState": "Registered"} for one in self.providers]
        if path.endswith("/capabilities"):
            sizes = [{"name": name, "vCores": cores} for name, cores in self.sizes.items()]
            return [
                {
                    "supportedServerVersions": [{"name": one} for one in self.versions],
                    "supportedServerEditions": [{"supportedServerSkus": sizes}],
                    **self._told_features(),
                }
            ]
        if path.endswith("Microsoft.Storage/locations/southafricanorth/usages"):
            return [{"name": {"value": "StorageAccounts"}, "currentValue": self.accounts, "limit": 250}]
        if path.endswith("/usages"):
            return [
                {"name": {"value": name}, "currentValue": count, "limit": 12}
                for name, count in self.used.items()
            ]
        return [{"name": n, "metadata": {"regionType": kind}} for n, kind in self.locations.items()]

    def _told_features(self) -> dict[str, Any]:
        if self.older:
            return {Feature(name).older_name: status for name, status in self.features.items()}
        return {"supportedFeatures": [{"name": n, "status": status} for n, status in self.features.items()]}

    def get(self, path: str, version: str, **query: str) -> dict[str, Any] | None:
        return self.subscription

    def post(self, path: str, version: str, body: Any = None, **query: str) -> dict[str, Any]:
        if path.endswith("/checkPolicyRestrictions"):
            return self._checked(body["resourceDetails"]["resourceContent"]["type"])
        if body["name"] in self.silent:
            return {"message": "the service is busy"}
        return {"nameAvailable": body["name"] not in self.taken, "message": "it is in deleted state"}

    def _checked(self, type_: str) -> dict[str, Any]:
        denied = {
            "policyInfo": {"policyAssignmentId": f"/subscriptions/s/policyAssignments/{type_}"},
            "evaluationResult": "NonCompliant",
            "evaluationDetails": {"evaluatedExpressions": [{"expressionKind": "Field", "path": "type"}]},
        }
        return {"contentEvaluationResult": {"policyEvaluations": [denied] if type_ in self.forbidden else []}}


@pytest.fixture
def azure() -> _Azure:
    return _Azure()


@pytest.fixture
def region() -> Region:
    found = catalogue().find("southafricanorth")
    assert found is not None
    return found


def _codes(azure: _Azure, region: Region, wanted: Wanted = _WANTED) -> list[str]:
    with pytest.raises(UnavailableError) as refused:
        preflight(azure, "s", region, services=_SERVICES, wanted=wanted)  # type: ignore[arg-type]
    assert all(one.hint for one in refused.value.problems)
    return [one.code for one in refused.value.problems]


def test_nothing_is_in_the_way_of_a_subscription_that_is_ready(azure: _Azure, region: Region) -> None:
    preflight(azure, "s", region, services=_SERVICES, wanted=_WANTED)  # type: ignore[arg-type]


def test_a_provider_that_is_not_registered_is_named_with_the_command(azure: _Azure, region: Region) -> None:
    azure.providers.discard("Microsoft.Cache")
    assert _codes(azure, region) == ["provider-not-registered"]


@pytest.mark.parametrize("locations", [{}, {"southafricanorth": "Logical"}], ids=["missing", "logical"])
def test_a_region_that_is_not_the_subscriptions_is_refused(
    azure: _Azure, region: Region, locations: dict[str, str]
) -> None:
    azure.locations = locations
    assert _codes(azure, region) == ["no-region"]


def test_a_region_with_versions_without_support_alone_is_refused(azure: _Azure, region: Region) -> None:
    azure.versions = ["13", "14"]
    assert _codes(azure, region) == ["no-postgresql"]


def test_a_size_that_the_region_does_not_have_is_refused(azure: _Azure, region: Region) -> None:
    del azure.sizes["Standard_D2ds_v5"]
    assert _codes(azure, region) == ["sku-not-available"]


@pytest.mark.parametrize("quota", ["cores", "standardDDSv5Family"])
def test_a_quota_without_room_for_the_database_is_refused(azure: _Azure, region: Region, quota: str) -> None:
    azure.used[quota] = 11
    assert _codes(azure, region) == ["quota-exceeded"]


def test_a_quota_without_room_for_the_account_is_refused(azure: _Azure, region: Region) -> None:
    azure.accounts = 250
    assert _codes(azure, region) == ["quota-exceeded"]


def test_a_policy_that_forbids_a_type_is_refused(azure: _Azure, region: Region) -> None:
    azure.forbidden = {"Microsoft.KeyVault/vaults"}
    assert _codes(azure, region) == ["request-disallowed-by-policy"]


def test_of_a_subscription_that_cannot_be_used_nothing_else_is_told(azure: _Azure, region: Region) -> None:
    azure.subscription = {"state": "Disabled", "tenantId": "d"}
    azure.locations = {}
    with pytest.raises(UnavailableError) as refused:
        preflight(azure, "s", region, services=_SERVICES, directory_id="d")  # type: ignore[arg-type]
    assert [one.code for one in refused.value.problems] == ["subscription-disabled"]


def test_every_finding_is_told_at_once(azure: _Azure, region: Region) -> None:
    azure.locations = {}
    azure.taken = {_NAMES.keys_vault, _NAMES.server, _NAMES.storage}
    assert sorted(_codes(azure, region)) == ["name-taken", "name-taken", "name-taken", "no-region"]


@pytest.mark.parametrize("name", [_NAMES.secrets_vault, _NAMES.site])
def test_every_name_that_is_the_whole_clouds_is_asked_for(azure: _Azure, region: Region, name: str) -> None:
    azure.taken = {name}
    assert _codes(azure, region) == ["name-taken"]


def test_the_pairs_vault_is_asked_for_where_it_is_made(azure: _Azure, region: Region) -> None:
    azure.taken = {_NAMES.pair_keys_vault}
    preflight(azure, "s", region, services=_SERVICES, wanted=_WANTED)  # type: ignore[arg-type]
    assert _codes(azure, region, _asking(geo_redundant_backup=True)) == ["name-taken"]


def test_looks_do_not_wait_for_one_another(azure: _Azure, region: Region) -> None:
    meeting = Barrier(2)

    def look() -> Sequence[Problem]:
        meeting.wait(_PATIENCE)  # broken where the other one comes only when this one is over
        return []

    preflight(azure, "s", region, services=_SERVICES, more=[look, look])  # type: ignore[arg-type]


def test_a_name_that_nobody_calls_free_is_not_taken_for_free(azure: _Azure, region: Region) -> None:
    azure.silent = {_NAMES.server}
    assert _codes(azure, region) == ["unreadable-answer"]


def test_what_the_workload_does_not_need_is_not_looked_for(azure: _Azure, region: Region) -> None:
    azure.versions = []
    azure.taken = {_NAMES.server, _NAMES.storage}
    azure.accounts = 250
    preflight(azure, "s", region, services=frozenset({Service.FOLDERS}), wanted=_WANTED)  # type: ignore[arg-type]


def test_the_newest_version_is_taken(azure: _Azure, region: Region) -> None:
    offered = capabilities.ask(azure, "/subscriptions/s", region)
    assert newest_postgresql(offered, region) == "17"


_ALL = {"zone_redundancy": ZoneRedundancy.REQUIRED, "geo_redundant_backup": True}


def _asking(**asked: Any) -> Wanted:
    return replace(_WANTED, placement=AzurePlacement(region="southafricanorth", **asked))


@pytest.mark.parametrize("older", [False, True], ids=["list of features", "properties"])
@pytest.mark.parametrize(
    ("lacking", "codes"),
    [
        (Feature.STANDBY, ["no-zone-redundancy"]),
        (Feature.GEO_BACKUP, ["no-geo-backup"]),
        (Feature.BOTH, ["no-zone-redundancy"]),
    ],
)
def test_what_a_spec_insists_on_and_the_region_does_not_offer_is_refused(
    azure: _Azure, region: Region, *, lacking: Feature, codes: list[str], older: bool
) -> None:
    azure.older = older
    azure.features = {one: "Disabled" if one is lacking else "Enabled" for one in Feature}
    assert _codes(azure, region, _asking(**_ALL)) == codes


def test_what_a_region_offers_or_does_not_speak_of_is_in_nobodys_way(azure: _Azure, region: Region) -> None:
    for said in ({}, dict.fromkeys(Feature, "Enabled")):
        azure.features = {str(name): status for name, status in said.items()}
        preflight(azure, "s", region, services=_SERVICES, wanted=_asking(**_ALL))  # type: ignore[arg-type]


def test_a_standby_that_is_only_preferred_is_in_nobodys_way(azure: _Azure, region: Region) -> None:
    azure.features = {str(one): "Disabled" for one in Feature}
    preflight(azure, "s", region, services=_SERVICES, wanted=_WANTED)  # type: ignore[arg-type]
