"""What policies would forbid of a resource that is not there yet: those that a rehearsal sets."""

from __future__ import annotations

import re
from typing import Any, Final

from tenantry.sandbox import ids
from tenantry.sandbox.answers import Answer
from tenantry.sandbox.arm_resources import Resources
from tenantry.sandbox.faults import Fault, Faults
from tenantry.sandbox.kinds import ArmFault
from tenantry.sandbox.parts.notes import subscription
from tenantry.sandbox.requests import Call

__all__ = ["Policies"]

_PATH: Final = re.compile(
    r"^(?P<scope>/subscriptions/[^/]+(?:/resourcegroups/[^/]+)?)"
    r"/providers/microsoft\.policyinsights/checkpolicyrestrictions$",
    re.IGNORECASE,
)
_NAME: Final = "tenantry-rehearsal"
_GROUP: Final = "microsoft.resources/subscriptions/resourcegroups"  # what policies call a resource group
_TELLS_EFFECTS: Final = "2023-03-01"  # the first version that does


class Policies:
    """Answers for ``checkPolicyRestrictions``. Fields whose values are open are not looked at."""

    def __init__(self, resources: Resources, faults: Faults) -> None:
        self._resources = resources
        self._faults = faults

    def answer(self, call: Call) -> Answer | None:
        """Answer; None when the path is somebody else's."""
        found = _PATH.match(call.path)
        if found is None:
            return None
        if call.method != "POST":
            raise ArmFault(405, "MethodNotAllowed", f"{call.method} is not for a check.")
        if ids.is_group(found["scope"]):
            self._resources.reading.existing(found["scope"])
        type_ = _type(call.body)
        known = ids.GROUP_TYPE if type_.lower() == _GROUP else type_
        forbidding = self._faults.every("policy", method="PUT", type_=known)
        told = [_evaluation(call, type_, one) for one in forbidding]
        return Answer(200, {"fieldRestrictions": [], "contentEvaluationResult": {"policyEvaluations": told}})


def _type(body: Any) -> str:
    details = body.get("resourceDetails") if isinstance(body, dict) else None
    content = details.get("resourceContent") if isinstance(details, dict) else None
    type_ = content.get("type") if isinstance(content, dict) else None
    if not isinstance(type_, str) or not type_:
        raise ArmFault(400, "InvalidRequestContent", "The resource content of the request has no type.")
    return type_


def _evaluation(call: Call, type_: str, fault: Fault) -> dict[str, Any]:
    around = f"{subscription(call.path)}/providers/Microsoft.Authorization"
    looked = {
        "result": "True",
        "expressionKind": "Field",
        "expression": "type",
        "path": "type",
        "expressionValue": type_,
        "targetValue": fault.value,
        "operator": "Equals",
    }
    told: dict[str, Any] = {
        "policyInfo": {
            "policyDefinitionId": f"{around}/policyDefinitions/{_NAME}",
            "policyAssignmentId": f"{around}/policyAssignments/{_NAME}",
        },
        "evaluationResult": "NonCompliant",
        "evaluationDetails": {"evaluatedExpressions": [looked]},
    }
    if call.version >= _TELLS_EFFECTS:
        told["evaluationDetails"]["reason"] = f"Resource creation of {type_} is not allowed"
        told["effectDetails"] = {"policyEffect": "Deny"}
    return told
