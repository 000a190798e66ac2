"""Every refusal of Azure that an instance can meet: where it is let happen, and what comes of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["NOT_OURS", "ROWS", "Refusal", "listed"]

_LIST: Final = Path(__file__).parents[1] / "data/azure-error-codes.md"
_GROUP = "Microsoft.Resources/resourceGroups"
_SERVER, _SITE = "Microsoft.DBforPostgreSQL/flexibleServers", "Microsoft.Web/sites"
_VAULT = "Microsoft.KeyVault/vaults"
_WORKSPACE = "Microsoft.OperationalInsights/workspaces"
_ACCOUNT = "Microsoft.Storage/storageAccounts"
_PURGE = "deletedVaults/purge"
_DONE, _FAILED, _REFUSED = 0, 1, 77  # exit codes


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A code, with Azure's words or without, in one run of a command."""

    code: str
    type: str
    words: str = ""
    method: str = "PUT"
    journey: str = "deploy"
    accepted: bool = False  # the operation is accepted, and ends with the code
    lasts: int = 20  # how many calls in a row are refused so
    tries: int = 1  # how many calls met it: 1, nobody tried again
    expect: int = _FAILED
    hint: str = ""  # a part of the remedy

    @property
    def ours(self) -> str:
        """The code that the command tells."""
        words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", self.code)
        return words.lower()

    def __str__(self) -> str:
        return f"{self.code} {self.words}".strip()


def _passes(code: str, type_: str, *, times: int, words: str = "", **more: object) -> Refusal:
    """Return what passes by itself: the command is done after it."""
    return Refusal(code=code, type=type_, words=words, lasts=times, tries=times, expect=_DONE, **more)  # type: ignore[arg-type]


# By instance, in the order in which they are let happen to it. What is beside a refused resource is made in
# that run, and what needs it is not; so types come in the order in which one needs the other.
ROWS: Final = {
    "kenya": (
        Refusal(code="RequestDisallowedByPolicy", type=_GROUP, expect=_REFUSED, hint="who keeps the policy"),
        Refusal(code="DeploymentQuotaExceeded", type=_GROUP, hint="delete old deployments"),
        # One of the two vaults each time: were it tried again, the deploy would be done.
        Refusal(
            code="ConflictError",
            words="A vault with the same name already exists in deleted state.",
            type=_VAULT,
            lasts=1,
            hint="az keyvault purge",
        ),
        Refusal(code="VaultAlreadyExists", type=_VAULT, lasts=1, hint="az keyvault purge"),
        Refusal(code="MissingSubscriptionRegistration", type=_ACCOUNT, hint="az provider register"),
        Refusal(code="NoRegisteredProviderFound", type=_ACCOUNT, hint="az provider register"),
        Refusal(code="ResourceGroupBeingDeleted", type=_ACCOUNT, hint="wait until it is gone"),
        Refusal(code="ScopeLocked", type=_ACCOUNT, expect=_REFUSED, hint="who locked it"),
        Refusal(code="StorageAccountAlreadyExists", type=_ACCOUNT, hint="draws another"),
        Refusal(code="StorageAccountAlreadyTaken", type=_ACCOUNT, hint="draws another"),
        _passes("InternalServerError", _ACCOUNT, times=2),
        _passes("AnotherOperationInProgress", _SITE, times=2, journey="suspend"),
        _passes("Conflict", _SITE, times=1, journey="resume"),
        _passes(
            "InUseSubnetCannotBeDeleted", _GROUP, times=1, method="DELETE", journey="erase", accepted=True
        ),
        _passes(
            "MethodNotAllowed",
            _PURGE,
            times=2,
            method="POST",
            journey="erase",
            words="Operation 'DeletedVaultPurge' is not allowed.",
        ),
    ),
    "uganda": (
        Refusal(
            code="Conflict",
            words="This workspace name is already in use.",
            type=_WORKSPACE,
            hint="kept for 14 days",
        ),
        Refusal(
            code="LocationIsOfferRestricted",
            words="Subscriptions are restricted from provisioning in this region.",
            type=_SERVER,
            hint="access to the region",
        ),
        Refusal(code="RegionIsOfferRestricted", type=_SERVER, hint="access to the region"),
        Refusal(code="RegionDoesNotAllowProvisioning", type=_SERVER, hint="access to the region"),
        Refusal(
            code="ParameterOutOfRange",
            words="The value of the parameter is out of range: Version should be in: []",
            type=_SERVER,
            hint="access to the region",
        ),
        Refusal(
            code="QuotaExceeded",
            words="Operation could not be completed as it results in exceeding approved 0 Cores quota.",
            type=_SERVER,
            hint="higher quota",
        ),
        Refusal(code="OperationNotAllowed", type=_SERVER, hint="higher quota"),
        Refusal(code="ResourceQuotaExceeded", type=_SERVER, hint="higher quota"),
        Refusal(
            code="AvailabilityZoneNotAvailable",
            words="Availability zone '1' is not available for subscription in this region temporarily due to "
            "capacity constraints.",
            type=_SERVER,
            hint="zone_redundancy",
        ),
        Refusal(
            code="MultiAzHaIsOfferRestricted",
            words="Multi-Zone HA is not supported in this region. Please choose a different region.",
            type=_SERVER,
            hint="zone_redundancy",
        ),
        Refusal(
            code="SkuNotAvailable",
            words="Specified SKU is not supported in this region. Please choose a different SKU.",
            type=_SERVER,
            hint="another size",
        ),
        Refusal(code="DnsRecordInUse", type=_SERVER, hint="draws another"),
        Refusal(
            code="InternalServerError",
            type=_SERVER,
            accepted=True,
            tries=3,
            hint="goes on with what is there",
        ),
        _passes("AllocationFailed", _SERVER, times=1),
        # No lock of others is listed: it is our own, which Azure holds on a little while after it was lifted.
        _passes("ScopeLocked", _SERVER, times=3, method="DELETE", journey="erase"),
        _passes(
            "Forbidden",
            _PURGE,
            times=1,
            method="POST",
            journey="erase",
            words='Operation "purge" is not allowed because purge protection is enabled for this vault.',
        ),
    ),
}
# In the list, and nothing that an instance can meet: the type of Azure's that says so.
NOT_OURS: Final = {
    "MaxNumberOfRegionalEnvironmentsInSubExceeded": "Microsoft.App/managedEnvironments",
    "MaxNumberOfGlobalEnvironmentsInSubExceeded": "Microsoft.App/managedEnvironments",
    "cannot be deleted as there are existing resources": "Microsoft.RecoveryServices/vaults",
    "items in soft deleted state": "Microsoft.DataProtection/backupVaults",
}


def listed() -> list[tuple[str, str]]:
    """Return the codes and words of the list, "" where a line has only one of them."""
    lines = _LIST.read_text(encoding="utf-8").splitlines()
    cells = [line.split("|")[1].strip() for line in lines if line.startswith(("| `", '| "'))]
    found = [re.fullmatch(r'(?:`(\w+)`)? ?(?:"([^"]+)")?', cell) for cell in cells]
    return [(one[1] or "", one[2] or "") for one in found if one is not None]
