"""The block ``azure`` of tenantry.yaml: which cloud, which subscription, and as whom."""

from __future__ import annotations

from typing import Any, Final

from tenantry.config.blocks import Field, ListOf, Record
from tenantry.config.formats import EMAIL_PATTERN, email_fault, pattern_rule
from tenantry.config.hosts import is_reached_from_afar, url_fault
from tenantry.config.kinds import Choice, FilePath, Integer, Text
from tenantry.config.problems import NOWHERE, Fault, Findings, shorten
from tenantry.model.spec import AtOnce, AzureSettings, CloudName, CredentialKind, TeamState

__all__ = [
    "ACCOUNT_PATTERN",
    "AZURE_RECORD",
    "CONTAINER_PATTERN",
    "GUID_PATTERN",
    "ID",
    "KEY_PATTERN",
    "VAULTS",
    "azure_settings",
]

_LONGEST: Final = 1000  # characters; below that the pattern tells what is wrong, not the length
GUID_PATTERN: Final = r"^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
ID: Final = Text(
    rule=pattern_rule(
        GUID_PATTERN,
        "must be an id such as 00000000-0000-0000-0000-000000000000",
        hint="az account show tells the ids of subscription and directory (tenantId)",
    ),
    pattern=GUID_PATTERN,
    most=_LONGEST,
    private=True,  # a secret may stand there by mistake
)
# What each kind of credential needs, beside the directory.
_NEEDS: Final[dict[CredentialKind, tuple[str, ...]]] = {
    CredentialKind.WORKLOAD_IDENTITY: ("client_id", "token_file"),
    CredentialKind.CERTIFICATE: ("client_id", "certificate_file"),
    CredentialKind.SECRET: ("client_id", "client_secret_file"),
    CredentialKind.MANAGED_IDENTITY: (),
    CredentialKind.CLI: (),
}
_MAY_HAVE: Final[dict[CredentialKind, tuple[str, ...]]] = {CredentialKind.MANAGED_IDENTITY: ("client_id",)}
_FILES: Final = ("client_secret_file", "certificate_file", "token_file")
_OF_THE_CLOUD: Final = ("subscription", "directory", "client_id")

ACCOUNT_PATTERN: Final = r"^[a-z0-9]{3,24}$"
CONTAINER_PATTERN: Final = r"^(?!.*--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$"
# With the version: without it, what was encrypted before a rotation cannot be decrypted after it.
KEY_PATTERN: Final = r"^https://[A-Za-z0-9-]{3,24}\.vault\.[a-z0-9.-]+/keys/[0-9A-Za-z-]{1,127}/[0-9a-f]{32}$"

# How the hosts of a cloud's vaults end. The sandbox's has an id of its own in front.
VAULTS: Final = {
    CloudName.PUBLIC: "vault.azure.net",
    CloudName.GOVERNMENT: "vault.usgovcloudapi.net",
    CloudName.CHINA: "vault.azure.cn",
    CloudName.SANDBOX: "sandbox.test",
}

_STATE: Final = Record(
    fields=(
        Field(
            "account",
            Text(
                rule=pattern_rule(
                    ACCOUNT_PATTERN,
                    "must be the name of a storage account: 3 to 24 of a-z and digits",
                    hint="az storage account list --query [].name tells those of the subscription",
                ),
                pattern=ACCOUNT_PATTERN,
                most=_LONGEST,
            ),
            "Name of the storage account, without soft delete of blobs and versions.",
            required=True,
        ),
        Field(
            "container",
            Text(
                rule=pattern_rule(
                    CONTAINER_PATTERN,
                    "must be the name of a container: 3 to 63 of a-z, digits and single inner hyphens",
                    hint="such as: fleet-state",
                ),
                pattern=CONTAINER_PATTERN,
                most=_LONGEST,
            ),
            "Its container, for this workspace alone.",
            required=True,
        ),
        Field(
            "key",
            Text(
                rule=pattern_rule(
                    KEY_PATTERN,
                    "must be the URL of a version of a key in a vault",
                    hint="az keyvault key show --vault-name VAULT --name KEY --query key.kid",
                ),
                pattern=KEY_PATTERN,
                most=_LONGEST,
            ),
            "URL of the version of the RSA key that new stacks' secrets are under.",
            required=True,
        ),
    ),
    build=TeamState,
)

_AT_ONCE: Final = Record(
    fields=(
        Field("subscription", Integer(least=1, most=64), "In one subscription."),
        Field("region", Integer(least=1, most=64), "In one region of a subscription; no more than that."),
    ),
    model=AtOnce,
    build=AtOnce,
)

AZURE_RECORD: Final = Record(
    fields=(
        Field("cloud", Choice(CloudName), "Which Azure; sandbox is one on this machine, to rehearse."),
        Field(
            "subscription",
            ID,
            "Id of the subscription of the instances, unless a spec names another.",
        ),
        Field("directory", ID, "Id of the directory (tenant) of that subscription."),
        Field(
            "credential",
            Choice(CredentialKind, private=True),
            "Who works on it. When left out: what a token_file, a certificate_file or a client_secret_file "
            "says, else the Azure CLI's login; in the sandbox its secret.",
        ),
        Field("client_id", ID, "Id of the application, or of a user-assigned identity."),
        Field("client_secret_file", FilePath(private=True), "Of credential secret: a file that holds it."),
        Field(
            "certificate_file", FilePath(private=True), "Of credential certificate: certificate and key, PEM."
        ),
        Field("token_file", FilePath(private=True), "Of credential workload-identity: the federated token."),
        Field(
            "emails",
            ListOf(
                kind=Text(rule=email_fault, pattern=EMAIL_PATTERN),
                most=20,
                unique=True,
                example="team@example.org",
            ),
            "Addresses that alerts go to; the organisation's contact when left out.",
        ),
        Field("webhook", Text(rule=url_fault, most=500), "URL that alerts are posted to."),
        Field(
            "monthly_budget",
            Integer(least=1, most=10**6),
            "Costs of an instance in a month from which Azure tells, in the subscription's currency.",
        ),
        Field(
            "state",
            _STATE,
            "Where a team keeps the engine's state; files in the workspace when left out. "
            "While there are instances, change of it only the version of the key.",
        ),
        Field(
            "at_once",
            _AT_ONCE,
            "How many instances one command deploys at the same time, beside --jobs: Azure counts calls "
            "per subscription, and most of its services per region.",
        ),
    ),
    model=AzureSettings,
)
_MEANING: Final = {field.key: field.doc for field in AZURE_RECORD.fields}


def azure_settings(values: dict[str, Any], findings: Findings) -> AzureSettings:
    """Return the settings; what is missing or makes no sense together is noted."""
    cloud = values.get("cloud", CloudName.PUBLIC)
    _check_webhook(values.get("webhook", ""), cloud, findings)
    if "state" in values:
        _check_key(values["state"].key, cloud, findings)
    if "at_once" in values:
        _check_at_once(values["at_once"], findings)
    rehearsal = cloud is CloudName.SANDBOX
    kind = values.setdefault("credential", _kind(values, rehearsal=rehearsal))
    if rehearsal:
        for key in sorted(values.keys() & set(_OF_THE_CLOUD)):
            message = "is not read with cloud: sandbox, which has a subscription and principals of its own"
            findings.add_fault(_misplaced(message), f"azure.{key}")
            del values[key]
    for key in () if rehearsal else ("subscription", "directory", *_NEEDS[kind]):
        if key not in values:
            why = f" (credential {kind})" if key in _NEEDS[kind] else ""
            place = findings.places.get("azure", NOWHERE)
            findings.add("missing-key", f"azure.{key} is missing{why}", mark=place, hint=_MEANING[key])
    for key in ("client_id", *_FILES):
        if key in values and key not in (*_NEEDS[kind], *_MAY_HAVE.get(kind, ())):
            message = f"is not read with credential: {kind}"
            hint = "take it out, or say whose it is: credential: managed-identity, or a secret's file"
            findings.add_fault(_misplaced(message, hint if key == "client_id" else ""), f"azure.{key}")
    named = (
        findings.places[f"azure.{key}"]
        for key in (*_FILES, "credential")
        if f"azure.{key}" in findings.places
    )
    return AzureSettings(**values, credential_where=findings.where(next(named, NOWHERE)))


def _check_webhook(url: str, cloud: CloudName, findings: Findings) -> None:
    if url and cloud is not CloudName.SANDBOX and not is_reached_from_afar(url):
        message = "leads to this machine or its network, where Azure does not reach it"
        hint = "write the https:// URL of a host in the internet; one on this machine is for cloud: sandbox"
        findings.add_fault(Fault(code="unreachable-webhook", message=message, hint=hint), "azure.webhook")


def _check_key(url: str, cloud: CloudName, findings: Findings) -> None:
    host = url.split("/")[2]
    if host.endswith(f".{VAULTS[cloud]}"):
        return
    message = f"is in {shorten(host)}, which is no vault of the cloud {cloud}: those end in .{VAULTS[cloud]}"
    hint = "take a key of a vault in the cloud that azure.cloud names"
    findings.add_fault(Fault(code="other-cloud", message=message, hint=hint), "azure.state.key")


def _check_at_once(at_once: AtOnce, findings: Findings) -> None:
    if at_once.region <= at_once.subscription:
        return
    named = "region" if "azure.at_once.region" in findings.places else "subscription"
    message = f"allows {at_once.region} in a region, and {at_once.subscription} in its whole subscription"
    hint = "write both: no more for region than for subscription"
    findings.add_fault(Fault(code="out-of-range", message=message, hint=hint), f"azure.at_once.{named}")


def _misplaced(message: str, hint: str = "") -> Fault:
    return Fault(code="misplaced-key", message=message, hint=hint or "take it out")


def _kind(values: dict[str, Any], *, rehearsal: bool) -> CredentialKind:
    """Return what the files that are named ask for; without one, what the cloud's people mostly use."""
    if "token_file" in values:
        return CredentialKind.WORKLOAD_IDENTITY
    if "certificate_file" in values:
        return CredentialKind.CERTIFICATE
    return CredentialKind.SECRET if "client_secret_file" in values or rehearsal else CredentialKind.CLI
