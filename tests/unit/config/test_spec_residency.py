"""What a spec says of places, and what of it is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tenantry.config.spec import load_spec
from tenantry.config.workspace import load_workspace
from tenantry.errors import Problem, RefusedError
from tenantry.model.residency import AzurePlacement, Residency, StorageRedundancy, ZoneRedundancy
from tenantry.model.spec import InstanceSpec
from tests.unit.config.conftest import SPEC

Spoil = Callable[[str], Sequence[Problem]]
AZURE = SPEC.replace("target: host", "target: azure")


@pytest.fixture
def load(folder: Path) -> Callable[[str], InstanceSpec]:
    def load(text: str, *, workspace: str = "") -> InstanceSpec:
        with (folder / "tenantry.yaml").open("a", encoding="utf-8") as file:
            file.write(workspace)
        path = folder / "instances" / "benin.yaml"
        path.write_text(text, encoding="utf-8")
        return load_spec(path, workspace=load_workspace(folder))

    return load


def test_an_instance_on_azure_is_in_west_europe_unless_the_spec_says_otherwise(
    load: Callable[[str], InstanceSpec],
) -> None:
    assert load(AZURE).azure == AzurePlacement(region="westeurope")
    assert load(SPEC).azure is None


def test_every_key_is_read(load: Callable[[str], InstanceSpec]) -> None:
    spec = load(
        AZURE
        + "residency: {countries: [ZA, EU], exclude_regions: [northeurope]}\n"
        + "azure: {region: southafricanorth, zone_redundancy: required, backup_retention_days: 35,\n"
        + "        geo_redundant_backup: true, storage_redundancy: GRS}\n"
    )
    assert spec.residency == Residency(countries=("ZA", "EU"), exclude_regions=("northeurope",))
    assert spec.azure == AzurePlacement(
        region="southafricanorth",
        zone_redundancy=ZoneRedundancy.REQUIRED,
        backup_retention_days=35,
        geo_redundant_backup=True,
        storage_redundancy=StorageRedundancy.GRS,
    )


@pytest.mark.parametrize(
    ("more", "code", "where", "part"),
    [
        ("azure: {region: westerope}\n", "unknown-region", "10:17", "did you mean westeurope?"),
        ("azure: {region: mars}\n", "unknown-region", "10:17", "tenantry region list --all"),
        ("azure: {backup_retention_days: 6}\n", "out-of-range", "10:32", "7 to 35"),
        ("azure: {storage_redundancy: RA-GRS}\n", "unknown-value", "10:29", "GRS"),
        ("residency: {countries: [Kenya]}\n", "unknown-country", "10:25", "Kenya"),
        ("residency: {countries: []}\n", "out-of-range", "10:24", "1 to"),
        ("residency: {country: NL}\n", "unknown-key", "10:13", "countries"),
    ],
)
def test_a_place_that_there_is_not_is_told_where_it_stands(
    problems_of: Spoil, more: str, code: str, where: str, part: str
) -> None:
    (problem,) = problems_of(AZURE + more)
    assert (problem.code, problem.where) == (code, f"instances/benin.yaml:{where}")
    assert part in f"{problem.message} {problem.hint}"


def test_settings_of_azure_are_refused_on_a_host(problems_of: Spoil) -> None:
    (problem,) = problems_of(SPEC + "azure: {region: westeurope}\n")
    assert (problem.code, problem.where) == ("misplaced-key", "instances/benin.yaml:10:8")


@pytest.mark.parametrize(
    ("more", "where", "part"),
    [
        ("limits: {memory_mib: 2048}\n", "10:9", "the size says"),
        ("tls: {mode: files, certificate_file: a.pem, key_file: b.pem}\n", "10:6", "App Service makes"),
        ("backups: {max_age_hours: 4, keep_full: 9}\n", "10:40", "azure.backup_retention_days"),
        ("backups: {keep_snapshots: 9}\n", "10:27", "azure.backup_retention_days"),
        ("backups: {archive_timeout_seconds: 30}\n", "10:36", "Azure decides"),
    ],
)
def test_settings_of_a_host_are_refused_on_azure(
    problems_of: Spoil, more: str, where: str, part: str
) -> None:
    (problem,) = problems_of(AZURE + more)
    assert (problem.code, problem.where) == ("misplaced-key", f"instances/benin.yaml:{where}")
    assert part in problem.hint


def test_what_azure_does_of_a_hosts_settings_may_stand_there(load: Callable[[str], InstanceSpec]) -> None:
    spec = load(AZURE + "backups: {max_age_hours: 4}\nencryption_required: true\n")
    assert (spec.backups.max_age_hours, spec.encryption_required) == (4, True)


@pytest.mark.parametrize("days", [1, 29, 731, 3650])
def test_a_retention_that_a_workspace_for_logs_does_not_have_is_refused_on_azure_alone(
    problems_of: Spoil, load: Callable[[str], InstanceSpec], days: int
) -> None:
    more = f"logs: {{retention_days: {days}}}\n"
    (problem,) = problems_of(AZURE + more)
    assert (problem.code, problem.where) == ("out-of-range", "instances/benin.yaml:10:24")
    assert "30 to 730" in problem.message
    assert load(SPEC + more).log_retention_days == days


@pytest.mark.parametrize("days", [30, 730])
def test_a_retention_is_taken_as_it_is_asked_for(load: Callable[[str], InstanceSpec], days: int) -> None:
    assert load(AZURE + f"logs: {{retention_days: {days}}}\n").log_retention_days == days


@pytest.mark.parametrize(
    ("text", "code", "where"),
    [
        (AZURE + "residency: {countries: [IE]}\n", "outside-residency", "10:12"),
        (AZURE + "azure: {region: uksouth}\nresidency: {countries: [EU]}\n", "outside-residency", "10:17"),
        (
            AZURE + "residency: {countries: [BR]}\nazure: {region: brazilsouth, storage_redundancy: GRS}\n",
            "outside-residency",
            "11:50",
        ),
        (AZURE + "residency: {countries: [NL]}\n", "outside-residency", "10:12"),  # its vaults
        (AZURE + "azure: {zone_redundancy: required}\n", "no-zone-redundancy", "10:26"),
        (SPEC + "residency: {countries: [BJ]}\n", "residency-unknown", "10:24"),
    ],
)
def test_what_leaves_the_residency_is_refused_where_it_is_said(
    load: Callable[[str], InstanceSpec], text: str, code: str, where: str
) -> None:
    with pytest.raises(RefusedError) as caught:
        load(text)
    (problem,) = caught.value.problems
    assert (caught.value.exit_code, problem.code) == (77, code)
    assert problem.where == f"instances/benin.yaml:{where}"
    assert problem.hint


def test_a_host_inside_the_residency_is_accepted(load: Callable[..., InstanceSpec]) -> None:
    spec = load(SPEC + "residency: {countries: [BJ]}\n", workspace="host: {country: BJ}\n")
    assert spec.residency.countries == ("BJ",)
