"""What a preview tells of places: each thing that holds data, for the spec at hand."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from tenantry.cli.locating import whereabouts_of
from tenantry.cli.render.instances import previewed
from tenantry.config.workspace import load_workspace
from tenantry.model.profile import Service
from tenantry.model.residency import AzurePlacement, StorageRedundancy
from tenantry.model.spec import TargetKind
from tests.journeys.sweep import spec_and_profile


def _told(folder: Path, *services: Service, azure: AzurePlacement | None) -> list[dict[str, Any]]:
    (folder / "tenantry.yaml").write_text(
        "tenantry: 1\norganisation: {name: Example, contact: it@example.org}\nhost: {country: KE}\n",
        encoding="utf-8",
    )
    spec, profile = spec_and_profile()
    spec = dataclasses.replace(spec, target=TargetKind.AZURE if azure else TargetKind.HOST, azure=azure)
    profile = dataclasses.replace(profile, services=frozenset(services))
    return whereabouts_of(spec, profile, load_workspace(folder))


def test_each_thing_of_an_instance_on_azure_has_region_country_and_geography(tmp_path: Path) -> None:
    copied = AzurePlacement(
        geo_redundant_backup=True, backup_retention_days=14, storage_redundancy=StorageRedundancy.GRS
    )
    told = _told(tmp_path, *Service, azure=copied)
    vault_copies = [one["region"] for one in told if one["data"] == "copy of keys and secrets"]
    assert vault_copies == ["northeurope", "westeurope"]  # the vault of the second backups has one, too
    found = {
        one["data"]: (one["region"], one["country"], one["geography"])
        for one in told
        if one["data"] != "copy of keys and secrets"
    }
    here, pair = ("westeurope", "NL", "Europe"), ("northeurope", "IE", "Europe")
    mine = ("database", "backups of the database", "files", "folders", "cache", "site", "logs and metrics")
    copies = ("second copy of backups", "second copy of files", "key of second backups")
    assert found == {
        **dict.fromkeys((*mine, "keys and secrets", "portal"), here),
        **dict.fromkeys(copies, pair),
        "names and tags": ("", "", ""),
    }
    notes = {one["data"]: one["note"] for one in told}
    assert (notes["second copy of backups"], notes["second copy of files"]) == ("kept 14 days", "GRS")


def test_what_a_spec_does_not_ask_for_has_no_place(tmp_path: Path) -> None:
    told = _told(tmp_path, Service.DATABASE, azure=AzurePlacement(region="italynorth"))
    assert [one["data"] for one in told] == [
        *("database", "backups of the database", "site", "logs and metrics", "keys and secrets"),
        "names and tags",
    ]


def test_on_a_host_the_machine_is_named(tmp_path: Path) -> None:
    told = _told(tmp_path, Service.DATABASE, azure=None)
    assert {(one["region"], one["country"]) for one in told} == {(load_workspace(tmp_path).host_name, "KE")}


@pytest.mark.parametrize("region", ["westeurope", "southafricanorth", "germanywestcentral"])
def test_the_tables_of_a_preview_fit_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, region: str
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    azure = AzurePlacement(region=region, geo_redundant_backup=True, storage_redundancy=StorageRedundancy.GRS)
    told = _told(tmp_path, *Service, azure=azure)
    text = previewed({"changes": [], "subscription": "", "summary": None, "whereabouts": told})
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "…" not in text
    for one in told:
        assert any(line.startswith(one["data"]) and one["region"] in line for line in text.splitlines())
