"""What a preview says of an instance on Azure before it lists what is made."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from tenantry.cli.render.instances import changes, previewed
from tenantry.cli.summing_up import summary_of
from tenantry.config.workspace import load_workspace
from tenantry.model.profile import Service
from tenantry.model.residency import AzurePlacement, ZoneRedundancy
from tenantry.model.spec import Size, TargetKind
from tests.journeys.sweep import spec_and_profile
from tests.support.reference import undocumented

_HOOK = "https://alerts.example.org/hook/s3cret"


def _summary(
    folder: Path, *services: Service, azure: AzurePlacement | None, more: str = "", offered: bool = True
) -> dict[str, Any] | None:
    (folder / "tenantry.yaml").write_text(
        "tenantry: 1\norganisation: {name: Example, contact: it@example.org}\n"
        f"azure: {{cloud: sandbox{more}}}\n",
        encoding="utf-8",
    )
    spec, profile = spec_and_profile()
    target = TargetKind.AZURE if azure else TargetKind.HOST
    spec = dataclasses.replace(spec, target=target, azure=azure, size=Size.MEDIUM)
    profile = dataclasses.replace(profile, services=frozenset(services))
    return summary_of(spec, profile, load_workspace(folder), standby_offered=offered)


def _previewed(summary: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "name": "kenya",
        "rehearsal": True,
        "subscription": "s",
        "summary": summary,
        "changes": [],
        "whereabouts": [],
    }


def test_it_names_place_products_backups_public_parts_and_who_hears_of_it(tmp_path: Path) -> None:
    placement = AzurePlacement(region="southafricanorth", backup_retention_days=21, geo_redundant_backup=True)
    more = f", emails: [a@example.org, b@example.org], webhook: '{_HOOK}', monthly_budget: 200"
    summary = _summary(tmp_path, *Service, azure=placement, more=more)
    text = previewed(_previewed(summary))
    for part in (
        *("southafricanorth, ZA", "Standard_D4ds_v5, 128 GiB", "P1v3", "Balanced_B1", "Static Web App"),
        *("kept 21 days, a second copy in southafricawest", "the portal, in westeurope"),
        "a@example.org, b@example.org, a webhook, from 200 a month on",
    ):
        assert part in text
    assert "s3cret" not in repr(summary)
    assert undocumented("instance preview", _previewed(summary)) == set()


_ASKED, _OFF = ZoneRedundancy.PREFERRED, ZoneRedundancy.OFF


@pytest.mark.parametrize(
    ("region", "wanted", "offered", "told"),
    [
        ("southafricanorth", _ASKED, "yes", (True, "in a second zone; it doubles what the server costs")),
        ("southafricanorth", _ASKED, "no", (False, "southafricanorth offers this subscription none")),
        ("southafricanorth", _OFF, "yes", (False, "the spec says azure.zone_redundancy: off")),
    ],
)
def test_it_says_whether_there_is_a_standby_and_why(
    tmp_path: Path, region: str, wanted: ZoneRedundancy, offered: str, told: tuple[bool, str]
) -> None:
    placement = AzurePlacement(region=region, zone_redundancy=wanted)
    summary = _summary(tmp_path, Service.DATABASE, azure=placement, offered=offered == "yes")
    assert summary is not None
    assert (summary["standby"], summary["standby_why"]) == told


def test_without_a_database_there_are_no_backups_and_no_standby(tmp_path: Path) -> None:
    summary = _summary(tmp_path, Service.BLOBS, azure=AzurePlacement(region="southafricanorth"))
    assert summary is not None
    assert (summary["standby"], summary["backup_retention_days"]) == (False, None)
    assert [one["name"] for one in summary["products"]] == ["App Service plan"]


def test_of_an_instance_on_a_host_there_is_none(tmp_path: Path) -> None:
    assert _summary(tmp_path, Service.DATABASE, azure=None) is None
    assert previewed(_previewed(None)).count("no changes") == 1


def _change(kind: str, token: str, name: str, *properties: str) -> dict[str, Any]:
    return {"kind": kind, "type": token, "name": name, "properties": list(properties)}


def test_changes_stand_together_by_kind_and_service() -> None:
    rows = [
        _change("create", "azure-native:web:WebApp", "site"),
        _change("update", "azure-native:keyvault:Vault", "keys"),
        _change("create", "azure-native:dbforpostgresql:Server", "server"),
        _change("create", "azure-native:web:AppServicePlan", "plan"),
    ]
    head, *lines = changes({"changes": rows}).splitlines()
    assert head.split() == ["KIND", "SERVICE", "TYPE", "NAME"]
    assert [line.split()[-1] for line in lines] == ["server", "plan", "site", "keys"]


def test_what_changes_of_a_resource_is_told_where_it_is_known() -> None:
    rows = [_change("update", "tenantry:host:Folder", "uploads", "mode", "owner")]
    head, line = changes({"changes": rows}).splitlines()
    assert head.split() == ["KIND", "TYPE", "NAME", "PROPERTIES"]
    assert line.endswith("mode, owner")
