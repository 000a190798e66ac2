"""What a service of Azure answered, and its errors as ours, with Resource Manager's code and a remedy.

The codes are those of Microsoft's pages about errors of Resource Manager and of each service.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tenantry.errors import FailedError, RefusedError, TenantryError, UnavailableError

__all__ = [
    "Answer",
    "arm_code",
    "failure",
    "first_line",
    "plugin_error",
    "short",
    "storage_code",
    "strange",
    "unreachable",
]

_TAKEN = "somebody else took the name meanwhile: erase the instance and deploy it anew, which draws another"
_VAULT = (
    "a vault of that name is there, or was deleted and is kept: purge it (az keyvault purge --name NAME), or "
    "erase the instance and deploy it anew, which draws another name"
)
_WORKSPACE = (
    "a workspace of that name was deleted and is kept for 14 days: recover it and delete it with --force, "
    "or erase the instance and deploy it anew, which draws another name"
)
_QUOTA = "ask for a higher quota in the subscription"
_STANDBY = "write zone_redundancy: off into the block azure of the spec, or ask Microsoft for access to zones"
_ACCESS = "ask Microsoft for access to the region, or take another"
_SIZE = "take another size, or another region"
_KEPT = "what is kept with purge protection goes by itself; see: tenantry erase status NAME"
# Codes of Resource Manager that say: not like this. The rest may be otherwise at another time.
_REMEDIES: Mapping[str, str] = {
    "AuthorizationFailed": "give the principal of the workspace the rights that the how-to names",
    "LinkedAuthorizationFailed": "give the principal of the workspace the rights that the how-to names",
    "InvalidAuthenticationToken": "see the block azure in tenantry.yaml: directory and credential",
    "ExpiredAuthenticationToken": "sign in again, or renew what the block azure in tenantry.yaml names",
    "ScopeLocked": "see who locked it; remove the lock only if its owner agrees",
    "SubscriptionNotFound": "see its id and its directory: az account list --all",
    "ReadOnlyDisabledSubscription": "see in the portal why the subscription is disabled, and enable it again",
    "RequestDisallowedByPolicy": "ask who keeps the policy of the subscription",
    "MissingSubscriptionRegistration": "register the provider: az provider register --namespace NAME",
    "NoRegisteredProviderFound": "register the provider: az provider register --namespace NAME",
    "LocationIsOfferRestricted": _ACCESS,
    "RegionIsOfferRestricted": _ACCESS,
    "RegionDoesNotAllowProvisioning": _ACCESS,
    "ParameterOutOfRange": "if it names no version at all, ask for access to the region or take another",
    "HADisabledForRegion": _STANDBY,
    "MultiAzHaIsOfferRestricted": _STANDBY,
    "SkuNotAvailable": _SIZE,
    "QuotaExceeded": _QUOTA,
    "ResourceQuotaExceeded": _QUOTA,
    "MaxStorageAccountsCountPerSubscriptionExceeded": _QUOTA,
    "ConflictError": _VAULT,
    "VaultAlreadyExists": _VAULT,
    "OperationNotAllowed": _QUOTA,
    "DeploymentQuotaExceeded": "delete old deployments of the resource group or subscription",
    "MethodNotAllowed": _KEPT,
    "StorageAccountAlreadyTaken": _TAKEN,
    "StorageAccountAlreadyExists": _TAKEN,
    "DnsRecordInUse": _TAKEN,
    "Conflict": "something of that name is there, or is kept after its deletion; Azure's message says which",
    "AnotherOperationInProgress": "run the same command again later",
    "AllocationFailed": "run the same command again later, or take another size or region",
    "InternalServerError": "run the same command again later: it goes on with what is there; "
    "if that stays so, ask Microsoft with the time and the name of the resource",
    "ResourceGroupBeingDeleted": "wait until it is gone, then run the same command again",
    "InUseSubnetCannotBeDeleted": "run the same command again: what uses it goes first",
}
# What services say under codes that they have for more than this; the words are those of their pages.
_WORDS: Sequence[tuple[re.Pattern[str], str]] = [
    (re.compile(words, re.IGNORECASE), remedy)
    for words, remedy in (
        (r"exceeding approved .*quota", _QUOTA),
        (r"availability zone .* is not available|multi-zone ha is not supported", _STANDBY),
        (r"specified sku is not supported", _SIZE),
        (r"restricted from provisioning|not allowed to provision", _ACCESS),
        (r"workspace name is already in use", _WORKSPACE),
        (r"purge protection is enabled", _KEPT),
    )
]
_REFUSALS = frozenset({"AuthorizationFailed", "LinkedAuthorizationFailed", "ScopeLocked", "Forbidden",
                       "RequestDisallowedByPolicy"})  # fmt: skip
# How the plugin words what Resource Manager answered, and its own refusal to create what exists.
_PLUGIN = re.compile(
    r'Status=(?P<status>\d{3}) Code="(?P<code>[^"]*)" Message="(?P<message>(?:[^"\\]|\\.)*)"'
)
_THERE = re.compile(r"cannot create already existing resource \S+")
_BUSY = frozenset({"AnotherOperationInProgress", "OperationInProgress", "RetryableError", "ServerIsBusy"})
_ENDED_TOKEN = frozenset({"ExpiredAuthenticationToken", "InvalidAuthenticationToken"})


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a service answered."""

    status: int
    body: Any  # of JSON; bytes otherwise; None: nothing
    headers: Mapping[str, str]  # names in lower case

    @property
    def is_missing(self) -> bool:
        """Whether there is no such resource. Of a whole subscription that is not seen, nobody knows that."""
        seen = not self.is_page and _told(self)[0] != "SubscriptionNotFound"
        return self.status == 404 and seen  # noqa: PLR2004

    @property
    def is_page(self) -> bool:
        """Whether it is for people's eyes: no service answers so, a proxy or a network's sign-in does."""
        return isinstance(self.body, bytes) and "html" in self.headers.get("content-type", "").lower()

    @property
    def is_busy(self) -> bool:
        """Whether another operation works on the resource: the same request is taken when that has ended."""
        return self.status == 409 and _told(self)[0] in _BUSY  # noqa: PLR2004

    @property
    def has_ended_token(self) -> bool:
        """Whether the token was ended before its time."""
        return self.status == 401 and _told(self)[0] in _ENDED_TOKEN  # noqa: PLR2004


def failure(method: str, path: str, answer: Answer) -> TenantryError:
    """Return an answer that is an error as one of ours, with Resource Manager's code and its remedy."""
    code, message = _told(answer)
    return _failure(f"{method} {short(path)}", answer.status, code, message)


def plugin_error(text: str) -> TenantryError | None:
    """Return an error that the plugin azure-native tells as one of ours, None if it is worded otherwise."""
    if (there := _THERE.search(text)) is not None:
        hint = "it was made outside of this stack: see who made it"
        return FailedError(there[0], hint=hint, code="already-exists")
    if (told := _PLUGIN.search(text)) is None:
        return None
    message = " ".join(told["message"].replace('\\"', '"').replace("\\n", " ").split())
    return _failure("Azure", int(told["status"]), told["code"], message)


def _failure(what: str, status: int, code: str, message: str) -> TenantryError:
    kind: type[TenantryError] = FailedError
    if code in _REFUSALS or status in {401, 403}:
        kind = RefusedError
    elif status == 429 or status >= 500:  # noqa: PLR2004
        kind = UnavailableError
    text = f"{what}: {code or status}: {message}".rstrip(": ")
    otherwise = "mend what Azure's message names" if kind is FailedError else "wait a while"
    hint = _remedy(code, message) or f"{otherwise}, then run the same command again"
    return kind(text[:600], hint=hint, code=_kebab(code) or f"http-{status}")


def _remedy(code: str, message: str) -> str:
    """Return what to do about a refusal, "" where nothing is known: its words say more than its code."""
    told = next((remedy for words, remedy in _WORDS if words.search(message)), "")
    return told or _REMEDIES.get(code, "")


def strange(method: str, path: str, answer: Answer) -> UnavailableError:
    """Return an answer that no service of Azure gives as an error of ours."""
    what = "a page" if answer.is_page else "nothing that Azure says"
    return UnavailableError(
        f"{method} {short(path)}: something between here and Azure answered: {answer.status} with {what}",
        hint="see whether the network has a proxy or a page to sign in at; then run the same command again",
        code="cloud-unreachable",
    )


def unreachable(whom: str, error: Exception) -> UnavailableError:
    """Return that nobody could be reached as an error of ours."""
    return UnavailableError(
        f"{whom} cannot be reached: {first_line(error)}",
        hint="see that the network lets you out, and that the workspace names the right cloud; "
        "then run the same command again",
        code="cloud-unreachable",
    )


def arm_code(error: TenantryError, code: str) -> bool:
    """Say whether an error of ours carries that code of Resource Manager."""
    return error.code == _kebab(code)


def _told(answer: Answer) -> tuple[str, str]:
    body = answer.body if isinstance(answer.body, dict) else {}
    properties = body.get("properties")
    within = properties.get("error", body) if isinstance(properties, dict) else body
    error = body.get("error", within)
    error = error if isinstance(error, dict) else {}
    inner = error.get("innererror") or {}
    code = str(error.get("code") or error.get("Code") or "")
    if code == "Forbidden" and isinstance(inner, dict) and inner.get("code"):
        code = str(inner["code"])
    return code, " ".join(str(error.get("message") or error.get("Message") or "").split())


def _kebab(code: str) -> str:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", code)
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")


def first_line(error: Exception) -> str:
    """Return the first line of what an error of Azure's packages says, or its type."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


def storage_code(error: BaseException) -> str:
    """Return the storage service's own code of an error that its package raises, "" where there is none."""
    code = getattr(error, "error_code", None)
    return str(getattr(code, "value", code) or "")


def short(path: str) -> str:
    """Return the type and name at the end of a resource id, without subscription and query."""
    parts = urlsplit(path).path.strip("/").split("/")
    return "/".join(parts[-2:])
