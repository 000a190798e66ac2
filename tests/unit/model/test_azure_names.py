"""Names on Azure keep within every type's limits, whatever the client, region and suffix."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.config.regions import all_regions, region_code
from tenantry.errors import DefectError
from tenantry.model.azure_names import AzureNames, client_code, random_suffix, secret_name
from tenantry.model.names import INSTANCE_NAME

# Facts page C1: field -> pattern with the lengths.
_LIMITS = {
    "resource_group": r"(?=.{1,90}$)[\w.()-]*[\w()-]",
    "network": r"(?=.{2,64}$)[A-Za-z0-9][\w.-]*\w",
    "app_subnet": r"(?=.{1,80}$)[A-Za-z0-9][\w.-]*\w",
    "endpoints_subnet": r"(?=.{1,80}$)[A-Za-z0-9][\w.-]*\w",
    "app_rules": r"(?=.{1,80}$)[A-Za-z0-9][\w.-]*\w",
    "endpoints_rules": r"(?=.{1,80}$)[A-Za-z0-9][\w.-]*\w",
    "app_identity": r"(?=.{3,128}$)[A-Za-z0-9][\w-]*",
    "key_identity": r"(?=.{3,128}$)[A-Za-z0-9][\w-]*",
    "pair_key_identity": r"(?=.{3,128}$)[A-Za-z0-9][\w-]*",
    "keys_vault": r"(?=.{3,24}$)[A-Za-z]([A-Za-z0-9]|-[A-Za-z0-9])+",
    "pair_keys_vault": r"(?=.{3,24}$)[A-Za-z]([A-Za-z0-9]|-[A-Za-z0-9])+",
    "secrets_vault": r"(?=.{3,24}$)[A-Za-z]([A-Za-z0-9]|-[A-Za-z0-9])+",
    "data_key": r"[A-Za-z0-9-]{1,127}",
    "server": r"(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*",
    "database": r"[a-z][a-z0-9_]{0,62}",
    "storage": r"[a-z0-9]{3,24}",
    "container": r"(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*",
    "cache": r"(?=.{1,60}$)[A-Za-z0-9]+(-[A-Za-z0-9]+)*",
    "plan": r"[A-Za-z0-9-]{1,40}",
    "site": r"(?=.{2,60}$)[A-Za-z0-9]+(-[A-Za-z0-9]+)*",
    "portal": r"(?=.{1,40}$)[A-Za-z0-9]+(-[A-Za-z0-9]+)*",
    "workspace": r"(?=.{4,63}$)[A-Za-z0-9][A-Za-z0-9-]+[A-Za-z0-9]",
    "insights": r"[A-Za-z0-9-]{1,260}",
    "availability": r"[A-Za-z0-9-]{1,260}",
    "action_group": r"[A-Za-z0-9-]{1,260}",
    "budget": r"[A-Za-z0-9_-]{1,63}",
}
_CODES = st.from_regex(r"[a-z][a-z0-9]{0,7}", fullmatch=True)
_REGIONS = st.sampled_from([region_code(region.name) for region in all_regions()])
_SUFFIXES = st.from_regex(r"[a-z0-9]{4,6}", fullmatch=True)


@given(client=_CODES, region=_REGIONS, suffix=_SUFFIXES)
def test_every_name_is_within_its_types_limits(client: str, region: str, suffix: str) -> None:
    names = AzureNames.of(client, region, suffix)
    broken = {
        field: getattr(names, field)
        for field, pattern in _LIMITS.items()
        if re.fullmatch(pattern, getattr(names, field), re.ASCII) is None
    }
    assert not broken
    assert re.fullmatch(r"(?=.{2,64}$)[A-Za-z0-9][\w.-]*\w", names.endpoint(names.server), re.ASCII)


def test_every_name_has_a_limit_that_is_tested() -> None:
    parts = {"code", "region_code", "suffix"}
    assert set(AzureNames.__dataclass_fields__) - parts == set(_LIMITS)


@given(_CODES, _REGIONS, _SUFFIXES)
def test_names_that_are_taken_in_the_whole_cloud_end_in_the_suffix(
    client: str, region: str, suffix: str
) -> None:
    names = AzureNames.of(client, region, suffix)
    for name in (names.server, names.storage, names.site, names.keys_vault, names.secrets_vault, names.cache):
        assert name.endswith(suffix)


@given(st.from_regex(INSTANCE_NAME, fullmatch=True))
def test_every_instance_has_a_client_code_that_fits(name: str) -> None:
    AzureNames.of(client_code(name), "we", random_suffix())


@pytest.mark.parametrize(
    "parts",
    [
        ("", "we", "abcdef"),
        ("Kenya", "we", "abcdef"),
        ("kenya", "west-", "abcdef"),
        ("kenya", "we", "a"),
        ("much-too-long", "we", "abcdef"),
    ],
)
def test_what_cannot_be_part_of_a_name_is_a_defect(parts: tuple[str, str, str]) -> None:
    with pytest.raises(DefectError):
        AzureNames.of(*parts)


def test_two_suffixes_differ() -> None:
    assert len({random_suffix() for _ in range(200)}) == 200


def test_a_variable_has_a_name_that_a_vault_takes() -> None:
    assert secret_name("SESSION_SECRET") == "SESSION-SECRET"
    assert secret_name("database.app.password") == "database-app-password"


def test_every_region_has_a_code_of_its_own() -> None:
    codes = [region_code(region.name) for region in all_regions()]
    assert len(set(codes)) == len(codes)
    assert region_code("westeurope") == "we"
