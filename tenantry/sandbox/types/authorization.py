"""Role assignments and locks."""

from __future__ import annotations

import re
import uuid

from tenantry.sandbox import ids
from tenantry.sandbox.kinds import ArmFault, Cloud, Kind, Resource
from tenantry.sandbox.parts.notes import iso
from tenantry.sandbox.roles import OWNER
from tenantry.sandbox.settings import Identity
from tenantry.sandbox.types.common import require
from tenantry.sandbox.types.identity import knows_principal

__all__ = ["Locks", "RoleAssignments"]

_ROLE = re.compile(r"/providers/Microsoft\.Authorization/roleDefinitions/([0-9a-f-]{36})$", re.IGNORECASE)
_MADE_OWNER = "roles/owner"
_SAME = ("roleDefinitionId", "principalId")


class RoleAssignments(Kind):
    """Who may do what where. One for a principal that is gone stays until somebody deletes it."""

    type = "Microsoft.Authorization/roleAssignments"
    shown_when_deleted = True

    def __init__(self, who: Identity) -> None:
        self._operators = who.operators
        self._subscriptions = [f"/subscriptions/{one}" for one in who.subscriptions]

    def resume(self, cloud: Cloud) -> None:
        """Make the operators each subscription's owners, once: whoever takes that away means it."""
        for subscription in self._subscriptions:
            for number, operator in enumerate(self._operators):
                note = _MADE_OWNER + subscription + f"/{number}" * bool(number)
                if not cloud.recall(note):
                    self._make_owner(cloud, subscription, operator, note=note)

    def _make_owner(self, cloud: Cloud, subscription: str, operator: str, *, note: str) -> None:
        around = f"{subscription}/providers/Microsoft.Authorization"
        name = str(uuid.uuid5(uuid.UUID(OWNER), operator + subscription))
        identity = f"{around}/roleAssignments/{name}"
        body = {
            "id": identity,
            "name": name,
            "type": self.type,
            "properties": {
                "roleDefinitionId": f"{around}/roleDefinitions/{OWNER}",
                "principalId": operator,
            },
        }
        made = Resource(id=identity, type=self.type, name=name, location="", body=body)
        self.put(cloud, made, None)
        cloud.save(made)
        cloud.remember(note, {"id": identity})

    def admit(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Refuse what Azure refuses."""
        require(new, *_SAME)
        if not _is_uuid(new.name):
            raise ArmFault(
                400,
                "InvalidRoleAssignmentId",
                f"The role assignment ID '{new.name}' is not valid. The role assignment ID must be a GUID.",
            )
        role = _ROLE.search(str(new.properties["roleDefinitionId"]))
        if role is None:
            raise ArmFault(400, "InvalidRoleDefinitionId", "The role definition ID is not valid.")
        if old is not None:
            if any(str(old.properties[one]).lower() != str(new.properties[one]).lower() for one in _SAME):
                raise ArmFault(
                    400,
                    "RoleAssignmentUpdateNotPermitted",
                    "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.",
                )
            return
        principal = str(new.properties["principalId"])
        # Who names the type of the principal is not looked up in the region's own directory.
        known = cloud.children("") if new.properties.get("principalType") else cloud.seen("")
        if not knows_principal(known, principal, operators=self._operators):
            raise ArmFault(
                400,
                "PrincipalNotFound",
                f"Principal {principal.replace('-', '')} does not exist in the directory.",
            )
        scope = _scope(new)
        for other in cloud.children(scope, self.type):
            if ids.key(_scope(other)) == ids.key(scope) and _means_the_same(other, new):
                raise ArmFault(
                    409,
                    "RoleAssignmentExists",
                    "The role assignment already exists. The ID of the "
                    f"existing role assignment is {other.name.replace('-', '')}.",
                )

    def put(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Fill in scope, times and who made it."""
        before = old.properties if old is not None else {}
        now = iso(cloud.now())
        new.properties.setdefault("principalType", "ServicePrincipal")
        for name in ("condition", "conditionVersion", "description", "delegatedManagedIdentityResourceId"):
            new.properties.setdefault(name, None)
        new.properties.update(
            scope=_scope(new) or "/",
            createdOn=before.get("createdOn", now),
            updatedOn=now,
            createdBy=before.get("createdBy", self._operators[0]),
            updatedBy=self._operators[0],
        )


class Locks(Kind):
    """What they forbid is looked after by Resource Manager."""

    type = "Microsoft.Authorization/locks"

    def admit(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Refuse a level that there is not."""
        del cloud, old
        if new.properties.get("level") not in {"CanNotDelete", "ReadOnly"}:
            raise ArmFault(400, "InvalidLockLevel", "The level of a lock is CanNotDelete or ReadOnly.")


def _means_the_same(one: Resource, other: Resource) -> bool:
    def role(of: Resource) -> str:
        return str(of.properties.get("roleDefinitionId")).rpartition("/")[2].lower()

    def principal(of: Resource) -> str:
        return str(of.properties.get("principalId")).lower()

    return (role(one), principal(one)) == (role(other), principal(other))


def _scope(resource: Resource) -> str:
    target = ids.parse(resource.id)
    return target.scope if target is not None else ""


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
