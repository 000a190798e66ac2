from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tenantry.errors import RefusedError, TenantryError, UnavailableError
from tenantry.targets.azure.policies import Planned, ask, findings
from tenantry.targets.azure.rights import POLICY_READER

_HERE = "/subscriptions/s"
_KEEPER = "/providers/Microsoft.Management/managementGroups/all"
_VAULT = Planned(token="keyvault:Vault", location="kenya", tags={"client": "c"}, name="kv")
_SITE = Planned(token="web:WebApp", location="kenya", tags={})


class _Azure:
    """Policies by type: what Azure says of a resource."""

    def __init__(self, told: Callable[[Mapping[str, Any]], Any]) -> None:
        self.told = told
        self.asked: list[tuple[str, Mapping[str, Any]]] = []

    def post(self, path: str, version: str, body: Any = None, **query: str) -> dict[str, Any]:
        self.asked.append((path, body["resourceDetails"]))
        found = self.told(body["resourceDetails"]["resourceContent"])
        if isinstance(found, TenantryError):
            raise found
        return {"fieldRestrictions": [], "contentEvaluationResult": {"policyEvaluations": found}}


def _evaluation(*looked_at: str, kind: str = "Field", effect: str = "Deny", name: str = "one") -> Any:
    return {
        "policyInfo": {
            "policyAssignmentId": f"{_KEEPER}/providers/microsoft.authorization/policyAssignments/{name}"
        },
        "evaluationResult": "NonCompliant",
        "evaluationDetails": {
            "evaluatedExpressions": [{"expressionKind": kind, "path": path} for path in looked_at],
            "reason": "it is not allowed",
        },
        "effectDetails": {"policyEffect": effect},
    }


def _found(*told: Any, planned: Planned = _VAULT) -> tuple[list[str], list[str]]:
    azure = _Azure(lambda _: list(told))
    problems, notes = findings(_HERE, [ask(azure, _HERE, planned)])  # type: ignore[arg-type]
    return [one.code for one in problems], notes


def test_azure_is_told_type_name_region_and_tags() -> None:
    azure = _Azure(lambda _: [])
    for planned in (_VAULT, Planned(token="resources:ResourceGroup", location="kenya", tags={})):
        assert findings(_HERE, [ask(azure, _HERE, planned)]) == ([], [])  # type: ignore[arg-type]
    (path, vault), (_, group) = azure.asked
    assert path == f"{_HERE}/providers/Microsoft.PolicyInsights/checkPolicyRestrictions"
    assert vault == {
        "resourceContent": {
            "type": "Microsoft.KeyVault/vaults",
            "name": "kv",
            "location": "kenya",
            "tags": {"client": "c"},
        },
        "apiVersion": "2024-11-01",
    }
    assert group["resourceContent"]["type"] == "Microsoft.Resources/subscriptions/resourceGroups"
    assert "name" not in group["resourceContent"]


@pytest.mark.parametrize("looked_at", ["type", "location", "tags.cost", "tags['cost']", "name"])
def test_a_policy_that_looks_at_what_it_is_told_forbids(looked_at: str) -> None:
    assert _found(_evaluation("type", looked_at)) == (["request-disallowed-by-policy"], [])


@pytest.mark.parametrize(
    ("evaluation", "planned"),
    [
        (_evaluation("type", "Microsoft.KeyVault/vaults/enableSoftDelete"), _VAULT),
        (_evaluation("type", kind="Value"), _VAULT),
        (_evaluation(), _VAULT),
        (_evaluation("type", "name"), _SITE),
    ],
    ids=["a property", "a value", "nobody says what", "a name that was not told"],
)
def test_a_policy_that_may_look_at_something_else_is_a_note(evaluation: Any, planned: Planned) -> None:
    problems, notes = _found(evaluation, planned=planned)
    assert problems == []
    assert len(notes) == 1
    assert "one may forbid" in notes[0]


@pytest.mark.parametrize("effect", ["Audit", "Modify", "DeployIfNotExists"])
def test_a_policy_that_denies_nothing_is_no_finding(effect: str) -> None:
    assert _found(_evaluation("type", effect=effect)) == ([], [])


def test_one_assignment_is_one_problem_with_its_types_and_remedy() -> None:
    azure = _Azure(lambda content: [_evaluation("type", name=name) for name in ("one", "two")])
    answers = [ask(azure, _HERE, one) for one in (_VAULT, _SITE, _SITE)]  # type: ignore[arg-type]
    problems, _ = findings(_HERE, answers)
    assert [one.message for one in problems] == [
        f"the policy {name} forbids Microsoft.KeyVault/vaults, Microsoft.Web/sites: it is not allowed"
        for name in ("one", "two")
    ]
    assert f"az policy assignment show --name one --scope {_KEEPER};" in problems[0].hint
    assert problems[0].hint.endswith(f"policyAssignments/one --scope {_HERE}")


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (RefusedError("403: it may not", code="authorization-failed"), POLICY_READER),
        (UnavailableError("503: it is tired", code="service-unavailable"), "503"),
    ],
    ids=["no right", "no answer"],
)
def test_what_cannot_be_asked_is_unknown_and_told_once(error: TenantryError, remedy: str) -> None:
    azure = _Azure(lambda _: error)
    problems, notes = findings(_HERE, [ask(azure, _HERE, one) for one in (_VAULT, _SITE)])  # type: ignore[arg-type]
    assert problems == []
    assert len(notes) == 1
    assert "unknown" in notes[0]
    assert remedy in notes[0]
