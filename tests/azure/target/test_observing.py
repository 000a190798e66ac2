"""Each condition of an instance on Azure, from what Resource Manager answers: well, and not well."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tenantry.adapters.azure_answers import Answer
from tenantry.components.azure.props import AzureProps
from tenantry.config.regions import catalogue
from tenantry.errors import UnavailableError
from tenantry.model.lifecycle import State
from tenantry.model.profile import Service
from tenantry.model.residency import AzurePlacement, Residency, StorageRedundancy
from tenantry.model.status import Condition, Truth
from tenantry.targets.azure import inventory, lent_roles, located, observing, probes
from tests.azure.recording import example_props
from tests.journeys.sweep import spec_and_profile
from tests.support.instances import recorded

_NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
_HERE, _ANY = "southafricanorth", Residency()
_NEEDED = frozenset({Service.DATABASE, Service.BLOBS, Service.CACHE, Service.PORTAL})


class _Azure:
    """A group whose every resource is well, in the words of Resource Manager; a test spoils one answer."""

    def __init__(self, props: AzureProps) -> None:
        names, self.asked, self.tags = props.names, list[str](), props.all_tags
        self.group = inventory.group_id(props.subscription_id, names)
        self.server = self._of(
            "Microsoft.DBforPostgreSQL/flexibleServers",
            names.server,
            state="Ready",
            network={"publicNetworkAccess": "Disabled"},
            backup={"backupRetentionDays": 7, "geoRedundantBackup": "Disabled"},
        )
        self.account = self._of(
            "Microsoft.Storage/storageAccounts",
            names.storage,
            statusOfPrimary="available",
            primaryLocation=_HERE,
            publicNetworkAccess="Disabled",
        )
        self.account["sku"] = {"name": "Standard_ZRS", "tier": "Standard"}
        self.cache = self._of(
            "Microsoft.Cache/redisEnterprise",
            names.cache,
            resourceState="Running",
            publicNetworkAccess="Disabled",
        )
        vault = "Microsoft.KeyVault/vaults"
        self.secrets = self._of(vault, names.secrets_vault, publicNetworkAccess="Disabled")
        self.keys = self._of(vault, names.keys_vault, publicNetworkAccess="Disabled")
        self.site = self._of("Microsoft.Web/sites", names.site, state="Running")
        self.portal = self._of("Microsoft.Web/staticSites", names.portal)
        self.portal["location"] = "West Europe"
        self.resources = [
            *(self.server, self.account, self.cache, self.secrets, self.keys, self.site, self.portal)
        ]
        self.containers = [{"name": one} for one in props.profile.containers]
        self.rules = list[dict[str, Any]]()
        own = f"{self.secrets['id']}/providers/Microsoft.Authorization/roleAssignments/own"
        self.roles = [{"id": own}]  # its properties tell nothing here
        self.own_rights = {own.lower()}
        self.deployments = Answer(status=200, body=[{"status": 4}], headers={})
        self.backups = [{"name": "b1", "properties": {"completedTime": "2026-11-20T03:00:00+00:00"}}]

    def _of(self, type_: str, name: str, **properties: Any) -> dict[str, Any]:
        path = f"{self.group}/providers/{type_}/{name}"
        well = {"provisioningState": "Succeeded"}
        return {
            "id": path,
            "name": name,
            "type": type_,
            "location": _HERE,
            "properties": properties,
            "tags": self.tags,
            **well,
        }

    def get(self, path: str, version: str, **query: str) -> dict[str, Any] | None:
        self.asked.append(path)
        found = [one for one in self.resources if one["id"].lower() == path.lower()]
        return copy.deepcopy(found[0]) if found else None

    def list(self, path: str, version: str, **query: str) -> Sequence[dict[str, Any]]:
        self.asked.append(path)
        answers: Mapping[str, Sequence[dict[str, Any]]] = {
            "resources": self.resources,
            "containers": self.containers,
            "firewallRules": self.rules,
            "backups": self.backups,
            "roleAssignments": self.roles,
        }
        return copy.deepcopy(answers[path.rpartition("/")[2]])

    def packages(self, method: str, path: str) -> Answer:
        """Answer as the site's own management does."""
        assert (method, path) == ("GET", "/api/deployments")
        return self.deployments

    def call(self, *_: Any, **__: Any) -> Any:
        raise UnavailableError("nobody measures here")


@pytest.fixture
def props(tmp_path: Path) -> AzureProps:
    made = example_props(tmp_path, hostname="")
    profile = replace(made.profile, services=_NEEDED, containers=("reports", "uploads"))
    return replace(made, profile=profile)


@pytest.fixture
def azure(props: AzureProps) -> _Azure:
    return _Azure(props)


def _look(
    azure: _Azure,
    props: AzureProps,
    residency: Residency = _ANY,
    *,
    running: bool = False,  # nobody asks for its page
    state: State = State.ACTIVE,
) -> dict[str, Condition]:
    spec, _ = spec_and_profile()
    access = SimpleNamespace(cloud=SimpleNamespace(ca_file=None))
    clients: Any = SimpleNamespace(
        arm=azure, access=access, now_by=lambda _: _NOW, site=lambda _: SimpleNamespace(call=azure.packages)
    )
    found = observing.look(
        clients,
        replace(props, running=running),
        spec=replace(spec, residency=residency),
        instance=recorded(created_at=_NOW, state=state),
        drifted=list,
        own_rights=lambda: azure.own_rights,
    )
    return {one.type: one for one in found}


def _said(condition: Condition) -> tuple[Truth, str]:
    return condition.status, condition.reason


def test_what_is_well_is_true(azure: _Azure, props: AzureProps) -> None:
    found = _look(azure, props, Residency(countries=("ZA",)))
    wanted = {
        "ResourcesReady": "Ready",
        "ResidencyKept": "Inside",
        "StorageAvailable": "Available",
        "CacheUp": "Running",
        "BackupRecent": "Recent",
        "DatabaseReachable": "Reachable",
        "Private": "Private",
    }
    assert {one: _said(found[one]) for one in wanted} == {
        one: (Truth.TRUE, reason) for one, reason in wanted.items()
    }
    assert "a portal's public files in westeurope" in found["ResidencyKept"].message


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every path answers 200, as App Service's own page does where there is no workload."""
    monkeypatch.setattr(probes, "status_of", lambda *_, **__: 200)


@pytest.mark.usefixtures("page")
def test_a_site_with_a_package_answers(azure: _Azure, props: AzureProps) -> None:
    assert _said(_look(azure, props, running=True)["HttpOk"]) == (Truth.TRUE, "Answers")


@pytest.mark.usefixtures("page")
@pytest.mark.parametrize("listed", [[], [{"status": 3}], None], ids=["none", "refused", "nothing known"])
def test_the_page_of_a_site_without_a_package_is_no_answer_of_the_workload(
    azure: _Azure, props: AzureProps, listed: Any
) -> None:
    azure.deployments = Answer(status=404 if listed is None else 200, body=listed, headers={})
    found = _look(azure, props, running=True)["HttpOk"]
    assert _said(found) == (Truth.FALSE, "NotDeployed")
    assert "tenantry instance deploy" in found.message


@pytest.mark.usefixtures("page")
def test_an_instance_whose_first_deploy_was_stopped_is_not_well(azure: _Azure, props: AzureProps) -> None:
    found = _look(azure, props, running=True, state=State.PROVISIONING)["HttpOk"]
    assert _said(found) == (Truth.FALSE, "NotDeployed")


@pytest.mark.usefixtures("page")
def test_a_site_that_does_not_tell_its_packages_is_unknown(azure: _Azure, props: AzureProps) -> None:
    azure.deployments = Answer(status=503, body=None, headers={})
    assert _said(_look(azure, props, running=True)["HttpOk"]) == (Truth.UNKNOWN, "CannotLook")


def _gone(which: str) -> Callable[[_Azure], None]:
    return lambda azure: azure.resources.remove(getattr(azure, which))


def _says(which: str, **properties: Any) -> Callable[[_Azure], None]:
    return lambda azure: getattr(azure, which)["properties"].update(properties)


def _lent(azure: _Azure) -> None:
    """Leave what a run that was killed in the account would have left."""
    arm: Any = SimpleNamespace(put=lambda path, _, body: azure.roles.append({"id": path, **body}))
    lent_roles.lend(arm, azure.account["id"], role=lent_roles.BLOB_READER, principal="somebody")
    azure.roles.append({"id": f"{azure.roles[-1]['id'][:-1]}x", "properties": azure.roles[-1]["properties"]})


def _given(azure: _Azure) -> None:
    """Give somebody a right by hand, as one does in the portal; another one has it above the group."""
    at = "providers/Microsoft.Authorization/roleAssignments/by-hand"
    azure.roles += [{"id": f"{azure.secrets['id']}/{at}"}, {"id": f"{azure.group.rpartition('/')[0]}/{at}"}]


def _foreign(azure: _Azure) -> None:
    machine = azure._of("Microsoft.Compute/virtualMachines", "vm")
    interface = azure._of("Microsoft.Network/networkInterfaces", "nic")
    azure.resources += [{**machine, "tags": None}, {**interface, "tags": None}]


def _state(which: str, state: str) -> Callable[[_Azure], None]:
    return lambda azure: getattr(azure, which).update(provisioningState=state)


def _backups(*finished: str) -> Callable[[_Azure], None]:
    found = [{"name": one, "properties": {"completedTime": one}} for one in finished]
    return lambda azure: setattr(azure, "backups", found)


def _silent(which: str) -> Callable[[_Azure], None]:
    """Let a resource not say whether it has public access."""
    return lambda azure: getattr(azure, which)["properties"].pop("publicNetworkAccess")


_OPEN = {"publicNetworkAccess": "Enabled"}
_BAD: Mapping[str, tuple[Callable[[_Azure], None], str, str, str]] = {
    "a resource that failed": (_state("site", "Failed"), "ResourcesReady", "NotReady", "is Failed"),
    "a resource in the making": (_state("cache", "Creating"), "ResourcesReady", "NotReady", "is Creating"),
    "no site": (_gone("site"), "ResourcesReady", "NotReady", "app-kenya-san-abc234 is missing"),
    "no server": (_gone("server"), "ResourcesReady", "NotReady", "is missing"),
    "no storage account": (_gone("account"), "ResourcesReady", "NotReady", "is missing"),
    "no cache": (_gone("cache"), "ResourcesReady", "NotReady", "is missing"),
    "no vault for secrets": (_gone("secrets"), "ResourcesReady", "NotReady", "is missing"),
    "no vault for keys": (_gone("keys"), "ResourcesReady", "NotReady", "is missing"),
    "an empty group": (lambda azure: azure.resources.clear(), "ResourcesReady", "NoResources", "has no"),
    "a stopped server": (_says("server", state="Stopped"), "DatabaseReachable", "NotReachable", "Stopped"),
    "an account that is not available": (
        _says("account", statusOfPrimary="unavailable"), "StorageAvailable", "NotAvailable", "is unavailable",
    ),
    "an account that is gone": (_gone("account"), "StorageAvailable", "NotAvailable", "is missing"),
    "a container that is gone": (
        lambda azure: azure.containers.remove(azure.containers[-1]),
        "StorageAvailable", "ContainerMissing", "not there: uploads",
    ),
    "a disabled cache": (_says("cache", resourceState="Disabled"), "CacheUp", "NotRunning", "is Disabled"),
    "a cache that is gone": (_gone("cache"), "CacheUp", "NotRunning", "is missing"),
    "no backup": (_backups(), "BackupRecent", "NoBackup", "lists no backup"),
    "an old backup": (
        _backups("2026-11-17T03:00:00+00:00", "2026-11-16T03:00:00+00:00"),
        "BackupRecent", "BackupOld", "81.0 hours old",
    ),
    "a server with public access": (_says("server", network=_OPEN), "Private", "DatabaseOpen", "lets"),
    "a server with a rule": (
        lambda azure: azure.rules.append({"name": "somebody"}), "Private", "DatabaseOpen", "is on: somebody",
    ),
    "an open vault for secrets": (_says("secrets", **_OPEN), "Private", "VaultOpen", "kvs-kenya"),
    "an open vault for keys": (_says("keys", **_OPEN), "Private", "VaultOpen", "kvk-kenya"),
    "a vault that does not say": (_silent("keys"), "Private", "VaultOpen", "kvk-kenya"),
    "an account that does not say": (_silent("account"), "Private", "StorageOpen", "has public access"),
    "an open account": (_says("account", **_OPEN), "Private", "StorageOpen", "has public access"),
    "an open cache": (_says("cache", **_OPEN), "Private", "CacheOpen", "has public access"),
    "a right that somebody was given": (_given, "Private", "RightGiven", "kvs-kenya-san-abc234/providers/"),
    "a resource of somebody else's": (_foreign, "ResourcesReady", "ForeignResource", "/vm"),
    "a role that a killed run left": (_lent, "Private", "RoleLeft", "gave itself"),
}  # fmt: skip


@pytest.mark.parametrize("what", _BAD)
def test_what_is_not_well_is_false_with_its_reason(azure: _Azure, props: AzureProps, what: str) -> None:
    spoil, type_, reason, part = _BAD[what]
    spoil(azure)
    found = _look(azure, props)[type_]
    assert _said(found) == (Truth.FALSE, reason)
    assert part in found.message


def test_a_cache_that_does_not_say_whether_it_has_public_access_is_unknown(
    azure: _Azure, props: AzureProps
) -> None:
    _silent("cache")(azure)
    found = _look(azure, props)["Private"]
    assert _said(found) == (Truth.UNKNOWN, "CannotLook")
    assert props.names.cache in found.message


@pytest.mark.parametrize("which", ["secrets", "keys", "account", "cache"])
def test_what_is_not_there_has_no_public_access(azure: _Azure, props: AzureProps, which: str) -> None:
    _gone(which)(azure)
    assert _said(_look(azure, props)["Private"]) == (Truth.TRUE, "Private")


def test_the_vault_of_the_pair_is_looked_at_where_the_backups_have_a_copy(
    azure: _Azure, props: AzureProps
) -> None:
    name = props.names.pair_keys_vault
    azure.resources.append(azure._of("Microsoft.KeyVault/vaults", name, **_OPEN))
    assert _said(_look(azure, props)["Private"]) == (Truth.TRUE, "Private"), "it is no part of this one"
    copied = replace(props, placement=replace(props.placement, geo_redundant_backup=True))
    found = _look(azure, copied)["Private"]
    assert _said(found) == (Truth.FALSE, "VaultOpen")
    assert name in found.message


def test_whose_a_right_is_is_unknown_where_no_record_tells(azure: _Azure, props: AzureProps) -> None:
    azure.own_rights.clear()
    assert _said(_look(azure, props)["Private"]) == (Truth.UNKNOWN, "CannotLook")


_ZA, _EU = Residency(countries=("ZA",)), Residency(countries=("EU",))
_PAIR = "southafricawest"


def _lies(which: str, place: str) -> Callable[[_Azure], None]:
    return lambda azure: getattr(azure, which).update(location=place)


_ELSEWHERE: Mapping[str, tuple[Callable[[_Azure], None], Residency, str]] = {
    "a resource in another region": (_lies("cache", "North Europe"), _ANY, "lies in northeurope"),
    "a resource in a region that nobody knows": (_lies("cache", "moonbase"), _ANY, "lies in moonbase"),
    "all, after the residency changed": (lambda _: None, _EU, f"lies in {_HERE}"),
    "a portal where it was not planned": (_lies("portal", "eastasia"), _ZA, "lies in eastasia"),
    "a second copy of the files": (
        _says("account", secondaryLocation="South Africa West"), _ANY, f"a copy of .* lies in {_PAIR}",
    ),
    "a redundancy with a second copy": (
        lambda azure: azure.account["sku"].update(name="Standard_RAGRS"), _ANY, f"lies in {_PAIR}",
    ),
    "backups that are copied": (
        _says("server", backup={"geoRedundantBackup": "Enabled"}), _ANY, f"are copied to {_PAIR}",
    ),
    "vaults whose copy is excluded": (
        lambda _: None, Residency(exclude_regions=(_PAIR,)), f"Key Vault copies kvk-.* to {_PAIR}",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", _ELSEWHERE)
def test_what_lies_outside_of_residency_or_spec_is_told(azure: _Azure, props: AzureProps, what: str) -> None:
    spoil, residency, part = _ELSEWHERE[what]
    spoil(azure)
    found = _look(azure, props, residency)["ResidencyKept"]
    assert _said(found) == (Truth.FALSE, "OutsideResidency")
    assert re.search(part, found.message)


def _copied(props: AzureProps) -> AzureProps:
    placement = AzurePlacement(
        region=_HERE, geo_redundant_backup=True, storage_redundancy=StorageRedundancy.GRS
    )
    return replace(props, placement=placement)


def _copies(azure: _Azure) -> None:
    azure.account["properties"]["secondaryLocation"] = _PAIR
    azure.server["properties"]["backup"]["geoRedundantBackup"] = "Enabled"


def test_copies_that_the_spec_asks_for_lie_inside(azure: _Azure, props: AzureProps) -> None:
    _copies(azure)
    assert _said(_look(azure, _copied(props), _ZA)["ResidencyKept"]) == (Truth.TRUE, "Inside")


def test_copies_that_the_spec_asks_for_are_outside_when_the_residency_excludes_the_pair(
    azure: _Azure, props: AzureProps
) -> None:
    _copies(azure)
    message = _look(azure, _copied(props), Residency(exclude_regions=(_PAIR,)))["ResidencyKept"].message
    assert f"a copy of {props.names.storage} lies in {_PAIR}" in message
    assert f"backups of {props.names.server} are copied to {_PAIR}" in message


def test_a_pair_that_the_catalogue_lacks_is_known_by_its_country(azure: _Azure, props: AzureProps) -> None:
    region = catalogue().find("swedencentral")
    assert region is not None
    placement = AzurePlacement(region=region.name, storage_redundancy=StorageRedundancy.GRS)
    sweden = replace(props, region=region, pair=None, placement=placement)
    for one in azure.resources:
        one["location"] = region.name
    azure.portal["location"] = "westeurope"
    azure.account["properties"]["secondaryLocation"] = "swedensouth"
    inside, outside = Residency(countries=("SE",)), Residency(exclude_regions=("swedensouth",))
    assert _look(azure, sweden, inside)["ResidencyKept"].reason == "Inside"
    assert "swedensouth" in _look(azure, sweden, outside)["ResidencyKept"].message


def test_a_look_asks_nothing_twice_for_all_conditions(azure: _Azure, props: AzureProps) -> None:
    _look(azure, props)
    for which in (azure.server, azure.account, azure.cache, azure.secrets, azure.keys, azure.site):
        assert which["id"] in azure.asked
    assert sorted(azure.asked) == sorted(set(azure.asked))


def test_one_of_them_is_told_as_one(azure: _Azure, props: AzureProps) -> None:
    assert located.counted(1, "resource") == "1 resource"
    azure.containers.pop()
    one = replace(props, profile=replace(props.profile, containers=("reports",)))
    assert _look(azure, one)["StorageAvailable"].message == "1 container"


def test_what_cannot_be_looked_at_is_unknown(
    azure: _Azure, props: AzureProps, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: Any, **__: Any) -> Any:
        raise UnavailableError("no network")

    monkeypatch.setattr(azure, "list", silent)
    found = _look(azure, props)
    for type_ in ("ResourcesReady", "ResidencyKept", "StorageAvailable", "BackupRecent", "Private"):
        assert _said(found[type_]) == (Truth.UNKNOWN, "CannotLook")


def test_a_young_backup_is_recent_up_to_the_hours_of_the_spec(azure: _Azure, props: AzureProps) -> None:
    spec, _ = spec_and_profile()
    for hours, reason in (
        (spec.backups.max_age_hours - 1, "Recent"),
        (spec.backups.max_age_hours, "BackupOld"),
    ):
        _backups((_NOW - timedelta(hours=hours)).isoformat())(azure)
        assert _look(azure, props)["BackupRecent"].reason == reason
