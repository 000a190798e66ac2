"""User-assigned identities, and which principals there are."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence

from tenantry.sandbox.kinds import ArmFault, Cloud, Kind, Resource
from tenantry.sandbox.types.common import table

__all__ = ["UserAssignedIdentities", "knows_principal"]

_TYPE = "Microsoft.ManagedIdentity/userAssignedIdentities"
_CREDENTIALS = f"{_TYPE}/federatedIdentityCredentials"


class UserAssignedIdentities(Kind):
    """Each has a client id and a principal id of its own; a new one of the same name has others."""

    type = _TYPE

    def __init__(self, directory_id: str) -> None:
        self._directory_id = directory_id

    def put(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Say who it is."""
        del cloud
        before = old.properties if old is not None else {}
        new.body["properties"] = {
            "tenantId": self._directory_id,
            "principalId": before.get("principalId") or str(uuid.uuid4()),
            "clientId": before.get("clientId") or str(uuid.uuid4()),
        }

    def delete(self, cloud: Cloud, resource: Resource) -> None:
        """Let it go; the roles that it was given stay behind, as Azure leaves them."""


class FederatedCredentials(Kind):
    """What an identity trusts instead of a secret."""

    type = _CREDENTIALS

    def admit(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Refuse one that names nobody."""
        del cloud, old
        for name in ("issuer", "subject", "audiences"):
            if not new.properties.get(name):
                raise ArmFault(400, "InvalidFederatedIdentityCredentialValue", f"'{name}' is missing.")


def knows_principal(known: Sequence[Resource], principal: str, *, operators: Collection[str]) -> bool:
    """Say whether a principal is an operator's, or that of an identity or a resource among those known."""
    wanted = principal.lower()
    if wanted in {one.lower() for one in operators}:
        return True
    for one in known:
        own = table(one.body.get("identity")).get("principalId")
        named = one.properties.get("principalId") if one.type == _TYPE else None
        if wanted in {str(own or "").lower(), str(named or "").lower()}:
            return True
    return False
