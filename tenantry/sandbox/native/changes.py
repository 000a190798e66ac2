"""What a look at Azure changes in a program's inputs, and which changes need a new resource."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tenantry.model.azure_types import TYPES

__all__ = ["differences", "observed_inputs", "replaces"]

# Beside the inputs of the path: what Azure takes at the creation only.
_CREATE_ONLY: Final[Mapping[str, frozenset[str]]] = {
    "dbforpostgresql:Server": frozenset(
        {
            *("location", "administratorLogin", "sourceServerResourceId", "pointInTimeUTC"),
            "availabilityZone",
        }
    ),
    "network:PrivateEndpoint": frozenset({"location", "subnet"}),
    "network:VirtualNetwork": frozenset({"location"}),
    "operationalinsights:Workspace": frozenset({"location"}),
    "authorization:RoleAssignment": frozenset({"principalId", "scope", "roleDefinitionId"}),
    "resources:ResourceGroup": frozenset({"location"}),
    "storage:StorageAccount": frozenset({"isHnsEnabled", "location"}),
    "web:AppServicePlan": frozenset(
        {"location", "reserved", "isXenon", "hyperV", "hostingEnvironmentProfile"}
    ),
    "web:WebApp": frozenset(
        {
            *("location", "kind", "reserved", "isXenon", "hyperV", "hostingEnvironmentProfile"),
            "cloningInfo",
        }
    ),
    "keyvault:Vault": frozenset({"location"}),
}

# What Azure itself adds inside of what a program wrote.
_READ_ONLY: Final = frozenset(
    {
        *("earliestRestoreDate", "state", "provisioningState", "standbyAvailabilityZone", "iops", "tier"),
        *("primaryEncryptionKeyStatus", "geoBackupEncryptionKeyStatus", "lastSkuUpdate", "recoveryLevel"),
        *("quotaNextResetTime", "dataIngestionStatus", "created", "updated", "principalId", "clientId"),
    }
)


def differences(old: Mapping[str, Any], new: Mapping[str, Any], unknown: frozenset[str]) -> list[str]:
    """Return the inputs that differ, sorted."""
    keys = {key for key in {*old, *new, *unknown} if not key.startswith("__")}
    return sorted(key for key in keys if key in unknown or not _same(key, old.get(key), new.get(key)))


def replaces(token: str, keys: list[str]) -> list[str]:
    """Return those of some inputs whose change needs a new resource."""
    fixed = _CREATE_ONLY.get(token.partition(":")[2], frozenset()) | frozenset(TYPES[token].path_inputs)
    return [key for key in keys if key in fixed]


def observed_inputs(
    token: str, inputs: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the inputs with what changed between two looks; the rest stays as the program wrote it.

    What a program did not write is not looked at on the top level: much of it is
    Azure's own. Inside of what it wrote (tags, rules), additions count. What is part of the id
    cannot change; an output of the same name may say something else, as a host name's binding does.
    """
    path = TYPES[token].path_inputs
    found: dict[str, Any] = {key: inputs[key] for key in path if key in inputs}
    for key, value in inputs.items():
        if key in path:
            continue
        old = before.get(key, value)
        if key.startswith("__") or key not in after:
            if key not in before or key in after or key.startswith("__"):
                found[key] = value  # nobody tells it, as a password
            continue
        found[key] = _observed(value, old, after[key])
    return found


def _observed(written: Any, old: Any, new: Any) -> Any:
    if _equal(old, new):
        return written
    if isinstance(written, list) and isinstance(new, Mapping):
        return sorted(new)  # a set of ids: a list in the program, a map on the wire
    if isinstance(written, Mapping) and isinstance(new, Mapping):
        old = old if isinstance(old, Mapping) else {}
        kept = {
            key: _observed(value, old.get(key, value), new[key]) if key in new else value
            for key, value in written.items()
            if key in new or key not in old
        }
        added = {key: new[key] for key in new if key not in old and key not in written}
        return {**kept, **{key: value for key, value in added.items() if key not in _READ_ONLY}}
    if isinstance(written, list) and isinstance(new, list) and len(written) == len(new):
        olds = old if isinstance(old, list) and len(old) == len(new) else written
        return [_observed(*three) for three in zip(written, olds, new, strict=True)]
    return new


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return one == other or (one.startswith("/subscriptions/") and one.lower() == other.lower())
    return bool(one == other)


def _same(key: str, one: Any, other: Any) -> bool:
    if key == "location" and isinstance(one, str) and isinstance(other, str):
        return _tidy(one) == _tidy(other)
    return _equal(one, other)


def _tidy(location: str) -> str:
    return location.replace(" ", "").lower()
