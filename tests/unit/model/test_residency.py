from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tenantry.config.countries import COUNTRIES
from tenantry.config.regions import all_regions, catalogue, find_region, place_of
from tenantry.model.profile import Service
from tenantry.model.regions import Access, CloudName, Region, kilometres
from tenantry.model.residency import (
    COUNTRY_GROUPS,
    AzurePlacement,
    Residency,
    StorageRedundancy,
    ZoneRedundancy,
    breaches,
    countries_of,
    host_breach,
    host_whereabouts,
    offers,
    whereabouts,
)

QUICK = settings(deadline=None, database=None, max_examples=300)
REGIONS = st.sampled_from(list(catalogue()))
RESIDENCIES = st.builds(
    Residency,
    countries=st.lists(
        st.sampled_from([*COUNTRY_GROUPS, *sorted({one.country for one in catalogue()})]),
        max_size=4,
        unique=True,
    ).map(tuple),
    exclude_regions=st.lists(st.sampled_from([one.name for one in catalogue()]), max_size=4).map(tuple),
)
PLACEMENTS = st.builds(
    AzurePlacement,
    zone_redundancy=st.sampled_from(ZoneRedundancy),
    geo_redundant_backup=st.booleans(),
    storage_redundancy=st.none() | st.sampled_from(StorageRedundancy),
)


def _region(name: str) -> Region:
    found = catalogue().find(name)
    assert found is not None
    return found


def _codes(name: str, *countries: str, **wanted: object) -> list[tuple[str, str]]:
    placement = AzurePlacement(region=name, **wanted)  # type: ignore[arg-type]
    found = breaches(placement, _region(name), Residency(countries=countries), catalogue())
    return [(one.key, one.code) for one in found]


@QUICK
@given(PLACEMENTS, REGIONS, RESIDENCIES)
def test_no_data_of_an_accepted_placement_lie_outside_the_residency(
    wanted: AzurePlacement, region: Region, residency: Residency
) -> None:
    if breaches(wanted, region, residency, catalogue()):
        return
    held = [one for one in whereabouts(wanted, region, catalogue(), portal="westeurope") if one.held]
    assert {"database", "files", "keys and secrets", "cache", "site", "logs and metrics"} <= {
        one.data for one in held
    }
    for lies in held:
        assert lies.region
        assert lies.region not in residency.exclude_regions
        assert residency.allows_country(lies.country)


def _lying(name: str, **wanted: object) -> dict[str, str]:
    placement = AzurePlacement(region=name, **wanted)  # type: ignore[arg-type]
    found = whereabouts(placement, _region(name), catalogue(), portal="westeurope")
    return {one.data: f"{one.region} {one.country}" for one in found}


def test_every_copy_that_a_placement_asks_for_has_its_place() -> None:
    wanted = {"geo_redundant_backup": True, "storage_redundancy": StorageRedundancy.GRS}
    plain, copied = _lying("southafricanorth"), _lying("southafricanorth", **wanted)
    assert {one: copied[one] for one in copied.keys() - plain.keys()} == dict.fromkeys(
        ("second copy of backups", "second copy of files", "key of second backups"), "southafricawest ZA"
    )
    assert plain["copy of keys and secrets"] == "southafricawest ZA"
    assert plain["portal"] == "westeurope NL"


def test_what_a_workload_does_not_need_lies_nowhere() -> None:
    place = _region("westeurope")
    found = whereabouts(AzurePlacement(), place, catalogue(), services=frozenset(), portal="westeurope")
    assert [one.data for one in found] == [
        *("site", "logs and metrics", "keys and secrets", "copy of keys and secrets", "names and tags")
    ]


def test_what_is_kept_for_days_says_how_many() -> None:
    placement, place = AzurePlacement(backup_retention_days=14), _region("westeurope")
    found = whereabouts(placement, place, catalogue(), log_days=90)
    notes = {one.data: one.note for one in found}
    assert (notes["backups of the database"], notes["logs and metrics"]) == ("kept 14 days", "kept 90 days")


def test_key_vault_copies_to_the_pair_but_from_two_regions() -> None:
    assert _lying("westeurope")["copy of keys and secrets"] == "northeurope IE"
    assert _lying("swedencentral")["copy of keys and secrets"] == "swedensouth SE"
    for name in ("brazilsouth", "westus3", "italynorth"):
        assert "copy of keys and secrets" not in _lying(name)


def test_a_vault_that_would_be_copied_across_the_border_is_refused_and_not_offered() -> None:
    assert _codes("westeurope", "NL") == [("azure.region", "outside-residency")]
    assert _codes("westeurope", "NL", "IE") == _codes("westeurope", "EU") == _codes("westeurope") == []
    assert list(offers(Residency(countries=("NL",)), catalogue())) == []
    (breach,) = breaches(
        AzurePlacement(), _region("westeurope"), Residency(exclude_regions=("northeurope",)), catalogue()
    )
    assert "northeurope in IE" in breach.message
    assert breach.hint.startswith("take northeurope out of residency.exclude_regions, or take a region")


def test_the_vault_of_a_second_backup_is_copied_too() -> None:
    # US Gov Virginia's pair is US Gov Texas, whose own pair is another.
    government, region = catalogue(CloudName.GOVERNMENT), find_region("usgovvirginia")
    assert region is not None
    wanted = AzurePlacement(region=region.name, geo_redundant_backup=True)
    excluded = Residency(exclude_regions=("usgovarizona",))
    found = breaches(wanted, region, excluded, government)
    assert [(one.key, "usgovarizona in US" in one.message) for one in found] == [("azure.region", True)]


@QUICK
@given(RESIDENCIES)
def test_whatever_is_offered_is_allowed_and_can_be_had(residency: Residency) -> None:
    for offer in offers(residency, catalogue()):
        assert residency.allows(offer.region)
        assert not breaches(AzurePlacement(), offer.region, residency, catalogue())


def test_a_residency_without_countries_allows_every_region_that_it_does_not_exclude() -> None:
    excluded = Residency(exclude_regions=("westeurope",))
    assert not excluded.allows(_region("westeurope"))
    assert excluded.allows(_region("eastus"))


def test_a_group_stands_for_its_countries() -> None:
    assert {"NL", "IE"} <= countries_of(["EU"])
    assert countries_of(["EEA"]) - countries_of(["EU"]) == {"IS", "LI", "NO"}
    assert countries_of(["EU-DATA-BOUNDARY"]) - countries_of(["EEA"]) == {"CH"}


def test_the_country_of_the_region_must_be_allowed() -> None:
    assert _codes("westeurope", "IE") == [("azure.region", "outside-residency")]
    assert _codes("southafricanorth", "ZA") == []


@pytest.mark.parametrize(("region", "country"), [("westeurope", "NL"), ("eastasia", "HK")])
def test_a_copy_in_a_pair_across_the_border_leaves_the_country(region: str, country: str) -> None:
    assert _codes(region, country, geo_redundant_backup=True, storage_redundancy=StorageRedundancy.GRS) == [
        ("azure.geo_redundant_backup", "outside-residency"),
        ("azure.storage_redundancy", "outside-residency"),
        ("azure.region", "outside-residency"),  # its vaults
    ]


def test_backups_of_brazil_south_cannot_leak_to_the_united_states_and_files_may_not() -> None:
    wanted = {"geo_redundant_backup": True, "storage_redundancy": StorageRedundancy.GZRS}
    assert _codes("brazilsouth", "BR", **wanted) == [
        ("azure.geo_redundant_backup", "no-geo-backup"),
        ("azure.storage_redundancy", "outside-residency"),
    ]


def test_a_standby_that_is_required_must_be_offered() -> None:
    required = {"zone_redundancy": ZoneRedundancy.REQUIRED}
    assert _codes("westeurope", **required) == [("azure.zone_redundancy", "no-zone-redundancy")]
    assert _codes("southafricanorth", **required) == []


def test_zones_and_pairs_that_are_not_there_are_told() -> None:
    assert _codes("ukwest", storage_redundancy=StorageRedundancy.ZRS) == [
        ("azure.storage_redundancy", "no-zones")
    ]
    assert _codes("italynorth", storage_redundancy=StorageRedundancy.GRS) == [
        ("azure.storage_redundancy", "no-pair")
    ]


def test_a_region_without_postgresql_is_refused_with_others() -> None:
    (breach,) = breaches(AzurePlacement(), _region("denmarkeast"), Residency(countries=("EU",)), catalogue())
    assert (breach.code, "swedencentral" in breach.hint) == ("no-postgresql", True)


def test_a_host_must_stand_in_a_country_of_the_residency() -> None:
    kenya = Residency(countries=("KE",))
    found = {country: host_breach(kenya, country) for country in ("KE", "UG", "")}
    assert {country: breach and breach.code for country, breach in found.items()} == {
        "KE": None,
        "UG": "outside-residency",
        "": "residency-unknown",
    }
    assert host_breach(Residency(), "") is None


def test_on_a_host_everything_is_on_the_one_machine() -> None:
    found = host_whereabouts("one", "KE", frozenset({Service.DATABASE}))
    assert [one.data for one in found] == ["database", "backups", "logs", "secrets and keys"]
    assert {(one.region, one.country) for one in found} == {("one", "KE")}


# Great-circle distances from capitals, as published beside the regions' data; the places here are
# mostly the same cities.
@pytest.mark.parametrize(
    ("country", "region", "published"),
    [
        ("KE", "southafricanorth", 2870),
        ("ZM", "southafricanorth", 1150),
        ("SD", "israelcentral", 1755),
        ("LB", "qatarcentral", 1794),
        ("UA", "polandcentral", 689),
        ("GH", "spaincentral", 3889),
        ("PH", "eastasia", 1113),
    ],
)
def test_distances_are_those_that_were_published(country: str, region: str, published: int) -> None:
    place, there = place_of(country), _region(region).place
    assert place is not None
    assert there is not None
    assert kilometres(place, there) == pytest.approx(published, rel=0.02)


def test_every_country_but_antarctica_has_a_place() -> None:
    lacking = {"AQ", "BV", "HM"}  # nobody lives there; the last two have no time zone
    assert {country for country in COUNTRIES if place_of(country) is None} == lacking


def test_the_catalogue_holds_what_was_published() -> None:
    regions = list(catalogue())
    assert len(regions) == len({one.name for one in regions}) == 58
    assert len({one.country for one in regions}) == 32
    assert [sum(one.access is access for one in regions) for access in Access] == [47, 9, 2]
    assert sum(not one.pair for one in regions) == 13
    assert {one.country for one in regions} <= COUNTRIES


def test_the_other_clouds_hold_what_was_published() -> None:
    names = {cloud: [one.name for one in catalogue(cloud)] for cloud in CloudName}
    assert {cloud: len(found) for cloud, found in names.items()} == {
        CloudName.PUBLIC: 58,
        CloudName.GOVERNMENT: 5,
        CloudName.CHINA: 6,
        CloudName.SANDBOX: 58,
    }
    assert len({one.name for one in all_regions()}) == len(all_regions()) == 69
    assert {one.country for one in catalogue(CloudName.GOVERNMENT)} == {"US"}
    assert {one.country for one in catalogue(CloudName.CHINA)} == {"CN"}


@pytest.mark.parametrize("cloud", [CloudName.GOVERNMENT, CloudName.CHINA])
def test_a_pair_is_of_the_same_cloud(cloud: CloudName) -> None:
    for one in catalogue(cloud):
        pair = catalogue(cloud).find(one.pair)
        assert pair is not None
        assert pair.country == one.pair_country


def test_a_pair_is_a_region_that_is_known_or_the_hidden_one() -> None:
    unknown = {one.pair for one in catalogue() if one.pair and catalogue().find(one.pair) is None}
    assert unknown == {"swedensouth"}
