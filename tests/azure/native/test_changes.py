from __future__ import annotations

from typing import Any

from tenantry.sandbox.native.changes import differences, observed_inputs, replaces

_KEY = "azure-native:keyvault:Key"
_INPUTS: dict[str, Any] = {"keyName": "data", "tags": {"a": "b"}, "password": "p", "sku": {"name": "x"}}


def test_what_was_never_looked_at_keeps_the_inputs_that_azure_does_not_tell() -> None:
    assert (
        observed_inputs(_KEY, _INPUTS, {}, {"name": "data", "tags": {"a": "b"}, "sku": {"name": "x"}})
        == _INPUTS
    )


def test_a_change_since_the_last_look_is_in_the_inputs() -> None:
    before = {"tags": {"a": "b"}, "sku": {"name": "x"}}
    after = {"tags": {"a": "b", "by": "hand"}, "sku": {"name": "x"}}
    assert observed_inputs(_KEY, _INPUTS, before, after)["tags"] == {"a": "b", "by": "hand"}


def test_what_azure_told_and_does_not_tell_any_more_is_gone_from_the_inputs() -> None:
    assert "tags" not in observed_inputs(_KEY, _INPUTS, {"tags": {"a": "b"}}, {"sku": {"name": "x"}})


def test_what_azure_adds_by_itself_is_no_change() -> None:
    before = {"sku": {"name": "x"}}
    after = {"sku": {"name": "x", "tier": "P4"}}
    assert observed_inputs(_KEY, _INPUTS, before, after)["sku"] == {"name": "x"}


def test_what_is_part_of_the_id_stays_though_an_output_of_that_name_says_something_else() -> None:
    """As of a binding whose create was interrupted: with another name it would be deleted and made anew."""
    inputs = {"name": "app-kenya", "hostName": "kenya.example.org", "siteName": "app-kenya"}
    told = {"name": "app-kenya/kenya.example.org", "siteName": "app-kenya"}
    assert observed_inputs("azure-native:web:WebAppHostNameBinding", inputs, {}, told) == inputs


_WORKSPACE = "azure-native:operationalinsights:Workspace"


def test_a_flag_that_azure_does_not_tell_while_it_is_off_is_no_change() -> None:
    features = {"immediatePurgeDataOn30Days": False, "enableLogAccessUsingOnlyResourcePermissions": True}
    told = {"features": {"enableLogAccessUsingOnlyResourcePermissions": True}}
    assert observed_inputs(_WORKSPACE, {"features": features}, told, told) == {"features": features}


def test_a_workspace_that_was_made_without_features_gets_them_in_its_place() -> None:
    changed = differences({"retentionInDays": 365}, {"retentionInDays": 365, "features": {}}, frozenset())
    assert (changed, replaces(_WORKSPACE, changed)) == (["features"], [])
