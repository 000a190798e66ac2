"""Why the login gave no token, and what to do about it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final

from tenantry.adapters.azure_answers import first_line, unreachable
from tenantry.errors import TenantryError, UnavailableError

__all__ = ["no_token"]

_GENERAL: Final = "see the block azure in tenantry.yaml: directory, credential and its file"
_RENEW: Final = "az ad app credential reset --id CLIENT_ID --append"
# What to do about a refusal, by the beginning of Entra's number for it.
_REMEDIES: Final[dict[str, str]] = {
    "700016": "azure.client_id is no application of azure.directory: az ad app show --id CLIENT_ID",
    "90002": "azure.directory is no directory of this cloud: az account show --query tenantId",
    "7000215": f"the file must hold the secret's value, not its id; a new one: {_RENEW}",
    "7000222": f"have a new secret made: {_RENEW}",
    "700027": "the file's certificate must be one that the application has, and still valid; a new one: "
    f"{_RENEW} --cert @CERTIFICATE.pem",
    "700024": "have the file's token written anew by whoever issues it, and see this machine's clock",
    "70021": "issuer, subject and audience must be those that the application trusts, to the letter: "
    "az ad app federated-credential list --id CLIENT_ID",
}
# As MSAL says it, whatever the login answered: that it is busy, or that it knows no such directory.
_OF_DISCOVERY: Final = re.compile(r"authority configuration", re.IGNORECASE)
_OF_THE_CLI: Final = re.compile(r"Azure CLI|\baz login\b")
_OF_THE_MACHINE: Final = re.compile(r"managed ?identity", re.IGNORECASE)


def no_token(error: Exception, *, where: str = "") -> TenantryError:
    """Return why the login gave no token as an error of ours: its refusal, or that it is out of reach.

    Args:
        error: what azure-identity raised.
        where: the place that names the credential.
    """
    ours = next((one for one in _causes(error) if isinstance(one, TenantryError)), None)
    if ours is not None:  # the credential's file, when it was read again
        return ours
    if _is_of_the_network(error):
        return unreachable("Azure's login", error)
    return UnavailableError(
        f"Azure's login gave no token: {first_line(error)}", hint=_remedy(error), where=where, code="no-token"
    )


def _remedy(error: Exception) -> str:
    text = str(error)
    if (number := re.search(r"AADSTS(\d+)", text)) is not None:
        return next((hint for begin, hint in _REMEDIES.items() if number[1].startswith(begin)), _GENERAL)
    if _OF_DISCOVERY.search(text):
        return "the login may be busy: run the same command again; if that stays so, see azure.directory"
    if _OF_THE_CLI.search(text):
        return "log in as whoever is to work: az login --tenant DIRECTORY, or name another azure.credential"
    if _OF_THE_MACHINE.search(text):
        return (
            "give this machine an identity, say with azure.client_id which, or name another azure.credential"
        )
    return _GENERAL


def _is_of_the_network(error: Exception) -> bool:
    """Say whether no login was reached. azure-identity tells that as a refusal, with its cause."""
    from azure.core.exceptions import DecodeError, ServiceRequestError, ServiceResponseError
    from azure.identity import CredentialUnavailableError

    if isinstance(error, CredentialUnavailableError):  # a machine without an identity has no such address
        return False
    no_answer = (ServiceRequestError, ServiceResponseError, DecodeError, json.JSONDecodeError)
    return any(isinstance(one, no_answer) for one in _causes(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__
