"""What policies would forbid, asked by Microsoft's client before anything is made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.policyinsights import PolicyInsightsClient

from tests.support.sandbox import Sandbox

_VAULTS, _GROUPS = "Microsoft.KeyVault/vaults", "Microsoft.Resources/subscriptions/resourceGroups"
_SINCE_EFFECTS = "2023-03-01"  # newer than what the client asks for by itself


@pytest.fixture
def clean(sandbox: Sandbox) -> Iterator[Sandbox]:
    """The sandbox; no policy of the test stays."""
    yield sandbox
    sandbox.faults("clear")


@pytest.fixture
def policies(sandbox: Sandbox) -> Iterator[Any]:
    with sandbox.client(PolicyInsightsClient) as client:
        yield client.policy_restrictions


def _content(type_: str) -> dict[str, Any]:
    content = {"type": type_, "location": "westeurope", "tags": {"client": "kenya"}}
    return {"resource_details": {"resource_content": content, "api_version": "2024-11-01"}}


def test_without_a_policy_nothing_is_found(policies: Any) -> None:
    found = policies.check_at_subscription_scope(_content(_VAULTS))
    assert found.field_restrictions == []
    assert found.content_evaluation_result.policy_evaluations == []


@pytest.mark.parametrize(
    ("forbidden", "asked"),
    [(_VAULTS, _VAULTS), ("vaults", _VAULTS), ("Microsoft.Resources/resourceGroups", _GROUPS)],
    ids=["by its name", "by the end of its name", "a group"],
)
def test_a_type_that_is_forbidden_is_told_with_its_policy(
    clean: Sandbox, policies: Any, forbidden: str, asked: str
) -> None:
    clean.faults("policy", forbidden)
    found = policies.check_at_subscription_scope(_content(asked))
    (one,) = found.content_evaluation_result.policy_evaluations
    assert one.evaluation_result == "NonCompliant"
    assert one.policy_info.policy_assignment_id.endswith("/policyAssignments/tenantry-rehearsal")
    (looked,) = one.evaluation_details.evaluated_expressions
    assert (looked.path, looked.expression_value, looked.target_value) == ("type", asked, forbidden)
    other = policies.check_at_subscription_scope(_content("Microsoft.Web/sites"))
    assert other.content_evaluation_result.policy_evaluations == []


def test_a_newer_version_tells_the_effect_and_the_reason(clean: Sandbox) -> None:
    clean.faults("policy", _VAULTS)
    path = f"{clean.subscription}/providers/Microsoft.PolicyInsights/checkPolicyRestrictions"
    body = {"resourceDetails": {"resourceContent": {"type": _VAULTS}}}
    told = clean.arm().post(path, _SINCE_EFFECTS, body)
    (one,) = told["contentEvaluationResult"]["policyEvaluations"]
    assert one["effectDetails"] == {"policyEffect": "Deny"}
    assert _VAULTS in one["evaluationDetails"]["reason"]


def test_a_group_is_asked_about_when_it_is_there(clean: Sandbox, policies: Any) -> None:
    clean.faults("policy", _VAULTS)
    clean.make_group("rg-policies")
    found = policies.check_at_resource_group_scope("rg-policies", _content(_VAULTS))
    assert len(found.content_evaluation_result.policy_evaluations) == 1
    with pytest.raises(ResourceNotFoundError):
        policies.check_at_resource_group_scope("rg-not-there", _content(_VAULTS))


def test_a_question_without_a_type_is_refused(policies: Any) -> None:
    with pytest.raises(HttpResponseError, match="InvalidRequestContent"):
        policies.check_at_subscription_scope({"resource_details": {"resource_content": {}}})
