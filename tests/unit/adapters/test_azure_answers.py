"""What errors of Azure become: kind, code, and a remedy of their own."""

from __future__ import annotations

import pytest

from tenantry.adapters.azure_answers import Answer, failure, plugin_error
from tenantry.errors import FailedError, RefusedError, TenantryError, UnavailableError

_OTHERWISE = "then run the same command again"
# As Microsoft's pages and reports in public issues have them, with the status that they come with.
_CODES: dict[str, tuple[int, type[TenantryError]]] = {
    "LocationIsOfferRestricted": (400, FailedError),
    "RegionIsOfferRestricted": (400, FailedError),
    "ParameterOutOfRange": (400, FailedError),
    "RegionDoesNotAllowProvisioning": (400, FailedError),
    "SkuNotAvailable": (409, FailedError),
    "MissingSubscriptionRegistration": (409, FailedError),
    "NoRegisteredProviderFound": (400, FailedError),
    "ConflictError": (409, FailedError),
    "VaultAlreadyExists": (409, FailedError),
    "MethodNotAllowed": (405, FailedError),
    "StorageAccountAlreadyTaken": (409, FailedError),
    "StorageAccountAlreadyExists": (409, FailedError),
    "DnsRecordInUse": (400, FailedError),
    "Conflict": (409, FailedError),
    "QuotaExceeded": (400, FailedError),
    "ResourceQuotaExceeded": (400, FailedError),
    "MaxStorageAccountsCountPerSubscriptionExceeded": (409, FailedError),
    "OperationNotAllowed": (409, FailedError),
    "AllocationFailed": (409, FailedError),
    "AnotherOperationInProgress": (409, FailedError),
    "RequestDisallowedByPolicy": (403, RefusedError),
    "DeploymentQuotaExceeded": (409, FailedError),
    "ResourceGroupBeingDeleted": (409, FailedError),
    "ScopeLocked": (409, RefusedError),
    "InUseSubnetCannotBeDeleted": (400, FailedError),
    "AuthorizationFailed": (403, RefusedError),
    "LinkedAuthorizationFailed": (403, RefusedError),
    "ExpiredAuthenticationToken": (401, RefusedError),
    "MultiAzHaIsOfferRestricted": (400, FailedError),
    "InternalServerError": (200, FailedError),  # of an operation
}


def _failure(code: str, status: int) -> TenantryError:
    body = {"error": {"code": code, "message": "what Azure says"}}
    return failure("PUT", "/x/providers/A/b/c", Answer(status=status, body=body, headers={}))


@pytest.mark.parametrize("code", _CODES)
def test_every_code_has_a_remedy_of_its_own(code: str) -> None:
    status, kind = _CODES[code]
    error = _failure(code, status)
    assert type(error) is kind
    assert error.hint
    assert not error.hint.endswith(_OTHERWISE) or code == "ResourceGroupBeingDeleted"
    assert code in error.message


def test_words_that_say_more_than_their_code_decide_on_the_remedy() -> None:
    words = {
        "This workspace name is already in use.": "14 days",
        "Multi-Zone HA is not supported in this region.": "zone_redundancy",
        "Specified SKU is not supported in this region.": "another size",
        "it results in exceeding approved 4 Cores quota.": "higher quota",
        "Something else.": "is kept after its deletion",
    }
    for said, part in words.items():
        body = {"error": {"code": "Conflict", "message": said}}
        assert part in failure("PUT", "/x/a/b", Answer(status=409, body=body, headers={})).hint


@pytest.mark.parametrize(
    ("status", "kind"), [(400, FailedError), (429, UnavailableError), (503, UnavailableError)]
)
def test_a_code_that_nobody_knows_still_says_what_next(status: int, kind: type[TenantryError]) -> None:
    error = _failure("SomethingNew", status)
    assert (type(error), error.code) == (kind, "something-new")
    assert error.hint.endswith(_OTHERWISE)


def test_what_the_plugin_words_otherwise_is_read_as_the_same_error() -> None:
    said = 'Status=400 Code="QuotaExceeded" Message="It is exceeding approved \\"4\\" Cores quota."'
    error = plugin_error(f"creating urn:x: 1 error occurred:\n\t* {said}\n")
    assert error is not None
    assert (type(error), error.code) == (FailedError, "quota-exceeded")
    assert error.message == 'Azure: QuotaExceeded: It is exceeding approved "4" Cores quota.'
    assert "higher quota" in error.hint


def test_what_the_plugin_refuses_to_make_twice_names_it() -> None:
    error = plugin_error("error: cannot create already existing resource '/subscriptions/s/x'")
    assert error is not None
    assert (error.code, "/subscriptions/s/x" in error.message) == ("already-exists", True)


def test_what_nobody_worded_like_an_answer_is_not_guessed_at() -> None:
    assert plugin_error("panic: runtime error") is None
