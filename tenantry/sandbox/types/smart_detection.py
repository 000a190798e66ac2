"""What Azure makes by itself for each component of Application Insights, in its group and without tags.

A rule "Failure Anomalies", within minutes. It calls one action group of the
subscription, which is made where there is none yet, in the group of the oldest
component; that was seen to take more than an hour. Neither goes with its
component. Nothing is detected: the rule is there and never fires.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from tenantry.sandbox import ids
from tenantry.sandbox.kinds import ArmFault, Cloud, Kind, Resource
from tenantry.sandbox.parts.notes import everywhere, moment, subscription
from tenantry.sandbox.types.common import require
from tenantry.sandbox.types.monitor import ActionGroups, Components

__all__ = ["DetectorRules"]

_RULE_AFTER, _CALLED_AFTER = timedelta(minutes=5), timedelta(minutes=75)
# In the lists of Azure these two are written so.
_RULE: Final = "microsoft.alertsmanagement/smartdetectoralertrules"
_CALLED: Final = "microsoft.insights/actiongroups"
_NAME: Final = "Application Insights Smart Detection"
_ROLES: Final = {
    "Monitoring Contributor": "749f88d5-cbae-40b8-bcfc-e573ddc772fa",
    "Monitoring Reader": "43d0d8ad-25c7-4714-9337-8ba259a9fe05",
}


class DetectorRules(Kind):
    """Rules of smart detection; clients may make some, too."""

    type = "Microsoft.AlertsManagement/smartDetectorAlertRules"

    def admit(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Refuse a rule without what Azure requires."""
        del cloud, old
        require(new, "state", "severity", "frequency", "detector", "scope", "actionGroups")
        if not (new.properties["detector"] or {}).get("id"):
            raise ArmFault(400, "BadRequest", "A rule needs the id of its detector.")

    def sweep(self, cloud: Cloud) -> None:
        """Make what is due, also again what somebody deleted."""
        components = cloud.children("", Components.type)  # once: a deletion beside may take some away
        for component in components:
            age = cloud.now() - moment(component.properties["CreationDate"])
            called = _called(cloud, component.id, components)
            if age >= _CALLED_AFTER:
                _make(cloud, called, _CALLED, _calling(), ActionGroups())
            if age >= _RULE_AFTER:
                rules = f"{_space(component.id, 'microsoft.alertsmanagement')}/smartDetectorAlertRules"
                name = f"{rules}/Failure Anomalies - {component.name}"
                _make(cloud, name, _RULE, _watching(component.id, called), self)


def _called(cloud: Cloud, component: str, components: Sequence[Resource]) -> str:
    """Return the id of the one action group of a component's subscription, there or not yet."""
    every = everywhere(cloud, component, ActionGroups.type)
    there = (one.id for one in every if one.name.lower() == _NAME.lower())
    beside = [one for one in components if subscription(one.id) == subscription(component)]
    oldest = min(beside, key=lambda one: moment(one.properties["CreationDate"]))
    return next(there, f"{_space(oldest.id, 'microsoft.insights')}/actiongroups/{_NAME}")


def _space(component: str, namespace: str) -> str:
    return f"{ids.group_of(component)}/providers/{namespace}"


def _make(cloud: Cloud, identity: str, type_: str, properties: Mapping[str, Any], kind: Kind) -> None:
    if cloud.find(identity) is not None or cloud.find(ids.group_of(identity)) is None:
        return
    name = identity.rpartition("/")[2]
    body = {"id": identity, "name": name, "type": type_, "location": "global", "properties": {**properties}}
    new = Resource(identity, type_, name, "global", body)
    kind.put(cloud, new, None)
    cloud.save(new)


def _watching(component: str, called: str) -> dict[str, Any]:
    return {
        "description": "Tells of an unusual rate of requests or calls that fail.",
        "state": "Enabled",
        "severity": "Sev3",
        "frequency": "PT1M",
        "detector": {"id": "FailureAnomaliesDetector"},
        "scope": [component],
        "actionGroups": {"groupIds": [called]},
    }


def _calling() -> dict[str, Any]:
    receivers = [
        {"name": name, "roleId": role, "useCommonAlertSchema": True} for name, role in _ROLES.items()
    ]
    return {"groupShortName": "SmartDetect", "enabled": True, "armRoleReceivers": receivers}
