"""The critical path of what was worked on. Nothing is timed here."""

from __future__ import annotations

import pytest

from bench.chains import Span, in_ranks, longest
from bench.coverage import coverage
from bench.paced import needs_of_deploy, needs_of_erase
from tenantry.adapters.engine_state import Resource
from tenantry.model.azure_names import AzureNames

_GROUP = "/subscriptions/s/resourcegroups/rg"
_SERVERS = f"{_GROUP}/providers/microsoft.dbforpostgresql/flexibleservers"


def _span(id_: str, seconds: float, *, start: float = 0.0, method: str = "PUT") -> Span:
    return Span(method=method, id=id_, start=start, end=start + seconds)


def _resource(urn: str, id_: str = "", *needs: str, parent: str = "") -> Resource:
    return Resource(urn=urn, type="t", name=urn, id=id_, dependencies=needs, parent=parent)


def test_the_longest_chain_is_told_with_its_length() -> None:
    vault, key, zone, server = _span("vault", 3), _span("key", 1), _span("zone", 3.5), _span("server", 9)
    seconds, chain = longest({server: [key, zone], key: [vault], vault: [], zone: []})
    assert (seconds, [one.id for one in chain]) == (13, ["vault", "key", "server"])


def test_nothing_takes_no_time() -> None:
    assert longest({}) == (0.0, [])


def test_what_needs_what_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="not there: \\['key'\\]"):
        longest({_span("key", 1): [_span("vault", 1)]})


def test_a_rank_waits_for_the_ranks_before_it_and_for_its_own_kind() -> None:
    lock, server, site = _span("lock", 1), _span("server", 9), _span("site", 2)
    first, second = _span("a/1", 4), _span("a/2", 4, start=4)
    ranked = {lock: (0, "l"), server: (1, "server"), site: (1, "site"), first: (1, "a"), second: (1, "a")}
    assert longest(in_ranks(ranked))[0] == 10
    assert set(in_ranks(ranked)[second]) == {lock, first}


def test_a_resource_waits_for_what_its_component_waits_for() -> None:
    made = [
        _resource("u-server", f"{_SERVERS}/one"),
        _resource("u-door", "", "u-server"),
        _resource("u-endpoint", f"{_GROUP}/endpoint", parent="u-door"),
    ]
    worked = [_span(f"{_SERVERS}/one", 9), _span(f"{_GROUP}/endpoint", 2, start=9)]
    assert longest(needs_of_deploy(worked, made))[0] == 11


def test_what_came_after_the_engine_is_work_of_the_server_one_thing_after_the_other() -> None:
    made = [_resource("u-server", f"{_SERVERS}/one"), _resource("u-zone", f"{_GROUP}/zone")]
    worked = [
        _span(f"{_GROUP}/zone", 10),
        _span(f"{_SERVERS}/one", 9),
        _span(f"{_SERVERS}/one", 3, start=10, method="PATCH"),
        _span(f"{_SERVERS}/one/firewallrules/rule", 2, start=13),
    ]
    assert longest(needs_of_deploy(worked, made))[0] == 14


def test_an_erasure_keeps_its_order_and_the_rest_goes_at_once() -> None:
    names = AzureNames.of("kenya", "san", "abc234")
    place = f"/subscriptions/s/resourcegroups/{names.resource_group}"
    worked = [
        _span(f"{place}/providers/microsoft.keyvault/vaults/v/{_LOCK}", 1, method="DELETE"),
        _span(f"{place}/providers/microsoft.web/sites/s/config/appsettings", 2),
        _span(f"{place}/providers/microsoft.web/sites/s", 3, method="DELETE"),
        _span(f"{place}/providers/microsoft.dbforpostgresql/flexibleservers/p", 9, method="DELETE"),
        _span(f"{place}/providers/microsoft.keyvault/vaults/{names.secrets_vault}", 8, method="DELETE"),
        _span(f"{place}/providers/microsoft.keyvault/vaults/{names.keys_vault}", 1, method="DELETE"),
        _span(place, 7, method="DELETE"),
    ]
    assert longest(needs_of_erase(worked, names))[0] == 1 + 2 + 9 + 1 + 7


_LOCK = "providers/microsoft.authorization/locks/one"


def test_a_type_that_is_made_and_has_no_row_is_missed() -> None:
    tokens = ["tenantry:azure:Instance", "azure-native:keyvault:Vault", "azure-native:cdn:Profile"]
    figure = coverage(tokens, steps=["lift the locks", "purge the secrets; delete the vaults of the keys"])
    assert (figure.ours, figure.baseline, figure.is_within) == ((1.0,), (2.0,), False)


def test_a_type_whose_step_no_erasure_has_is_missed() -> None:
    assert not coverage(["azure-native:keyvault:Vault"], steps=["lift the locks"]).is_within
