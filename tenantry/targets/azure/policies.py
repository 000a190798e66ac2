"""What the policies of a subscription forbid of a new instance, asked before anything is made.

Azure looks at a resource that is not there yet, in all that it is told of it. Told are type,
name, region and tags of each kind that has a region. So a policy that looks at something else,
such as a property, is no refusal here but a note; so is what could not be asked. Not asked:
properties, parts of resources, role assignments and locks. Whether Azure counts policies of
management groups is told differently in different places: no finding is no promise, and what
is forbidden all the same is refused when it is made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tenantry.adapters.azure_answers import arm_code
from tenantry.adapters.azure_arm import Arm
from tenantry.errors import Problem, TenantryError
from tenantry.model.azure_types import TYPES
from tenantry.targets.azure.rights import POLICY_READER

__all__ = ["Answer", "Planned", "ask", "findings"]

_VERSION: Final = "2024-10-01"
_GROUP: Final = "Microsoft.Resources/resourceGroups"
_AUTHORIZATION: Final = r"/providers/microsoft\.authorization/"
_AS_POLICIES_CALL_IT: Final = {_GROUP: "Microsoft.Resources/subscriptions/resourceGroups"}
_TOLD: Final = frozenset({"type", "location", "tags"})
_NAMES: Final = frozenset({"name", "fullname"})


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A resource that is to be made, as far as policies are asked for it."""

    token: str  # of its type, without "azure-native:"
    location: str
    tags: Mapping[str, str]
    name: str = ""  # "": not told

    @property
    def type(self) -> str:
        """Its type, as policies call it."""
        found = TYPES[f"azure-native:{self.token}"].arm_type
        return _AS_POLICIES_CALL_IT.get(found, found)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What Azure says of one of them."""

    planned: Planned
    evaluations: Sequence[Mapping[str, Any]] = ()
    error: TenantryError | None = None


def ask(arm: Arm, subscription: str, planned: Planned) -> Answer:
    """Ask for one resource. What cannot be asked is an answer, too.

    Args:
        arm: Resource Manager.
        subscription: as a resource id.
        planned: what is to be made there.
    """
    content = {"type": planned.type, "location": planned.location, "tags": dict(planned.tags)}
    if planned.name:
        content["name"] = planned.name
    version = TYPES[f"azure-native:{planned.token}"].version
    body = {"resourceDetails": {"resourceContent": content, "apiVersion": version}}
    path = f"{subscription}/providers/Microsoft.PolicyInsights/checkPolicyRestrictions"
    try:
        told = arm.post(path, _VERSION, body)
    except TenantryError as error:
        return Answer(planned=planned, error=error)
    found = (told.get("contentEvaluationResult") or {}).get("policyEvaluations") or []
    return Answer(planned=planned, evaluations=found)


def findings(subscription: str, answers: Sequence[Answer]) -> tuple[list[Problem], list[str]]:
    """Return what is forbidden, a problem for each assignment, and notes of what is not known."""
    forbidden: dict[str, list[str]] = {}
    perhaps: dict[str, list[str]] = {}
    why: dict[str, str] = {}
    for planned, one in _denials(answers):
        assignment = str((one.get("policyInfo") or {}).get("policyAssignmentId") or "without a name")
        into = forbidden if _is_certain(planned, one) else perhaps
        into.setdefault(assignment, []).append(planned.type)
        why.setdefault(assignment, str((one.get("evaluationDetails") or {}).get("reason") or ""))
    problems = [_forbids(subscription, one, types, why[one]) for one, types in forbidden.items()]
    notes = [
        f"the policy {_name(one)} may forbid {_list(types)}: it looks at more than preflight tells"
        for one, types in perhaps.items()
        if one not in forbidden
    ]
    return problems, [*notes, *_unasked(answers)]


def _denials(answers: Sequence[Answer]) -> Iterator[tuple[Planned, Mapping[str, Any]]]:
    for answer in answers:
        for one in answer.evaluations:
            effect = str((one.get("effectDetails") or {}).get("policyEffect") or "deny")
            if effect.lower() == "deny" and str(one.get("evaluationResult")).lower() == "noncompliant":
                yield answer.planned, one


def _is_certain(planned: Planned, evaluation: Mapping[str, Any]) -> bool:
    """Say whether a policy looked at nothing but what it was told."""
    told = _TOLD | _NAMES if planned.name else _TOLD
    looked = (evaluation.get("evaluationDetails") or {}).get("evaluatedExpressions") or []
    return bool(looked) and all(
        str(one.get("expressionKind")).lower() == "field"
        and re.split(r"[.\[]", str(one.get("path") or one.get("expression")))[0].lower() in told
        for one in looked
    )


def _forbids(subscription: str, assignment: str, types: Sequence[str], why: str) -> Problem:
    name, scope = _name(assignment), re.split(_AUTHORIZATION, assignment, flags=re.IGNORECASE)[0]
    return Problem(
        code="request-disallowed-by-policy",
        message=f"the policy {name} forbids {_list(types)}" + (f": {why}" if why else ""),
        hint=f"see it: az policy assignment show --name {name} --scope {scope}; who keeps it can exempt you: "
        "az policy exemption create --name tenantry --exemption-category Waiver "
        f"--policy-assignment {assignment} --scope {subscription}",
    )


def _list(types: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(types))


def _name(assignment: str) -> str:
    return assignment.rpartition("/")[2]


def _unasked(answers: Sequence[Answer]) -> list[str]:
    """Tell once for each reason what nobody could ask."""
    reasons: dict[str, TenantryError] = {}
    for one in answers:
        if one.error is not None:
            reasons.setdefault(one.error.code, one.error)
    return [_unknown(one) for one in reasons.values()]


def _unknown(error: TenantryError) -> str:
    lacks = arm_code(error, "AuthorizationFailed")
    remedy = f"; the role Reader brings {POLICY_READER}" if lacks else ""
    return f"whether policies forbid something is unknown: {error.message}{remedy}"
