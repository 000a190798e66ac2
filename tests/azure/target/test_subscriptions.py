from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import pytest

from tenantry.config.workspace import load_workspace
from tenantry.errors import RefusedError
from tenantry.model.residency import AzurePlacement
from tenantry.model.spec import AzureSettings, CloudName, CredentialKind, InstanceSpec, Workspace
from tenantry.ports import Instance
from tenantry.targets.azure.clouds import CLOUD
from tenantry.targets.azure.subscriptions import Subscriptions
from tenantry.targets.azure.values import SUBSCRIPTION, SUFFIX
from tests.journeys.sweep import spec_and_profile
from tests.support.instances import recorded

_WORKSPACES, _OTHER, _THIRD = (f"{digit * 8}-1111-1111-1111-111111111111" for digit in "aBc")
_MADE = {SUFFIX: "abc234"}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "tenantry.yaml").write_text(
        "tenantry: 1\norganisation: {name: Example, contact: it@example.org}\n", encoding="utf-8"
    )
    settings = AzureSettings(cloud=CloudName.PUBLIC, subscription=_WORKSPACES, directory="d")
    return dataclasses.replace(load_workspace(tmp_path), azure=settings)


def _spec(subscription: str = "") -> InstanceSpec:
    spec, _ = spec_and_profile()
    return dataclasses.replace(spec, azure=AzurePlacement(subscription=subscription))


def _instance(facts: Mapping[str, str]) -> Instance:
    return recorded(facts=facts)


def _number(subscriptions: Subscriptions, facts: Mapping[str, str], spec: InstanceSpec | None = None) -> str:
    return subscriptions.of(_instance(facts), spec).access.subscription_id


def test_a_new_instance_lives_where_its_spec_says_and_else_in_the_workspaces(workspace: Workspace) -> None:
    found = Subscriptions(workspace)
    assert _number(found, {}, _spec()) == _WORKSPACES
    assert _number(found, {}, _spec(_OTHER)) == _OTHER.lower()
    assert found.of(None, _spec(_OTHER)).access.subscription_id == _OTHER.lower()


def test_what_is_recorded_counts_whatever_workspace_and_spec_say_later(workspace: Workspace) -> None:
    assert workspace.azure is not None
    moved = dataclasses.replace(workspace, azure=dataclasses.replace(workspace.azure, subscription=_THIRD))
    facts = {**_MADE, SUBSCRIPTION: _OTHER}
    assert _number(Subscriptions(moved), facts) == _OTHER
    assert _number(Subscriptions(moved), facts, _spec()) == _OTHER


def test_an_instance_of_the_days_before_lives_in_the_workspaces(workspace: Workspace) -> None:
    assert _number(Subscriptions(workspace), _MADE, _spec(_OTHER)) == _WORKSPACES


def test_each_subscription_has_clients_of_its_own_which_are_made_once(workspace: Workspace) -> None:
    found = Subscriptions(workspace)
    first, again = found.of(None, _spec()), found.of(_instance(_MADE))
    other = found.of(None, _spec(_OTHER))
    assert first is again
    assert other is not first
    assert other.access.directory_id == first.access.directory_id


def test_the_subscriptions_share_the_credential_of_the_workspace(workspace: Workspace) -> None:
    assert workspace.azure is not None
    cli = dataclasses.replace(workspace.azure, credential=CredentialKind.CLI, directory=_OTHER)
    found = Subscriptions(dataclasses.replace(workspace, azure=cli))
    first, other = found.of(None, _spec()), found.of(None, _spec(_OTHER))
    assert other.credential is first.credential


@pytest.mark.parametrize(
    ("facts", "made_in"),
    [({**_MADE, SUBSCRIPTION: _OTHER}, _OTHER), (_MADE, _WORKSPACES)],
    ids=["recorded", "from before"],
)
def test_a_spec_that_names_another_one_later_is_refused(
    workspace: Workspace, facts: Mapping[str, str], made_in: str
) -> None:
    found = Subscriptions(workspace)
    with pytest.raises(RefusedError) as refused:
        found.refuse_move(_spec(_THIRD), _instance(facts))
    assert refused.value.code == "subscription-changed"
    assert made_in in refused.value.message
    assert refused.value.hint


def test_a_spec_that_names_the_same_one_or_none_is_not_refused(workspace: Workspace) -> None:
    found, instance = Subscriptions(workspace), _instance({**_MADE, SUBSCRIPTION: _OTHER.lower()})
    for spec in (_spec(_OTHER), _spec(_OTHER.lower()), _spec()):
        found.refuse_move(spec, instance)


@pytest.mark.parametrize(
    ("made_in", "now"),
    [("sandbox", CloudName.PUBLIC), ("public", CloudName.SANDBOX), ("china", CloudName.PUBLIC)],
)
def test_an_instance_that_was_made_in_another_cloud_is_refused_whatever_is_asked(
    workspace: Workspace, made_in: str, now: CloudName
) -> None:
    assert workspace.azure is not None
    here = dataclasses.replace(workspace, azure=dataclasses.replace(workspace.azure, cloud=now))
    with pytest.raises(RefusedError) as refused:
        Subscriptions(here).of(_instance({**_MADE, CLOUD: made_in}))  # none of them runs or is asked
    assert (refused.value.code, refused.value.exit_code) == ("cloud-changed", 77)
    assert f"cloud: {made_in}" in refused.value.hint


def test_an_instance_of_the_workspaces_own_cloud_is_not_refused(workspace: Workspace) -> None:
    for facts in ({**_MADE, CLOUD: "public"}, _MADE, {}):
        assert Subscriptions(workspace).of(_instance(facts)).access.cloud.name is CloudName.PUBLIC


def test_before_it_is_made_a_spec_may_change_its_mind(workspace: Workspace) -> None:
    Subscriptions(workspace).refuse_move(_spec(_THIRD), _instance({}))
