"""What the keys of a spec must be together, by the target that it names."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Final

from tenantry.config.hosts import special_use
from tenantry.config.problems import NOWHERE, Fault, Findings
from tenantry.config.profile import resolved_settings
from tenantry.config.regions import catalogue, find_region
from tenantry.config.workspace import WORKSPACE_FILE
from tenantry.errors import Problem
from tenantry.model.profile import Profile, VariableClass
from tenantry.model.spec import CloudName, InstanceSpec, TargetKind, TlsMode, Workspace

__all__ = ["AZURES_OWN", "check_references", "check_spec"]

# Where App Service names the sites of the clouds; the last one is the sandbox's.
AZURES_OWN: Final = ("azurewebsites.net", "azurewebsites.us", "chinacloudsites.cn", "sandbox.test")

# App Service puts in the place of such a value what it finds where the value points, in whatever case it
# is written: anybody's vault or store of configurations. Until it finds it, the site does not start.
_REFERENCE: Final = re.compile(r"\s*@Microsoft\.(KeyVault|AppConfiguration)\(", re.IGNORECASE)

_MOST_OF_A_CERTIFICATE = 64  # characters of a name that App Service makes a certificate for
_LOG_DAYS = range(30, 731)  # of a Log Analytics workspace, which is asked for in whole

_FEW = 8  # regions that a hint names
_CLOUDS: Final = {
    CloudName.PUBLIC: "the public cloud",
    CloudName.GOVERNMENT: "the cloud for the United States' government",
    CloudName.CHINA: "the cloud in China",
}

# What a host alone reads, and what Azure has in its place. ``encryption_required`` is not among them:
# there everything is encrypted with the instance's own key, so it is true.
_OF_A_HOST: Final[Mapping[str, str]] = {
    "limits": "on Azure the size says what the instance gets",
    "tls": "App Service makes the certificate of the host name",
    "backups.keep_full": "azure.backup_retention_days says how long backups are kept",
    "backups.keep_snapshots": "azure.backup_retention_days says how long backups are kept",
    "backups.archive_timeout_seconds": "Azure decides how often it archives",
}


def check_spec(spec: InstanceSpec, workspace: Workspace, findings: Findings) -> None:
    """Note what a spec asks for that its target would not do, or cannot do."""
    if spec.target is TargetKind.AZURE:
        _check_region(spec, workspace, findings)
        _check_azure_hostname(spec, workspace, findings)
        _check_log_days(spec, findings)
        _refuse_keys(_OF_A_HOST, TargetKind.HOST, spec.target, findings)
        return
    if not spec.hostname:
        place = findings.places.get("target", NOWHERE)
        findings.add("missing-key", "hostname is missing: on a host there is no other", mark=place)
    _check_tls(spec, findings)
    if spec.azure is not None:
        _refuse_keys({"azure": ""}, TargetKind.AZURE, spec.target, findings)


def _check_region(spec: InstanceSpec, workspace: Workspace, findings: Findings) -> None:
    region = find_region(spec.azure.region) if spec.azure is not None else None
    if region is None or workspace.azure is None:  # told by others
        return
    known = catalogue(workspace.azure.cloud)
    if known.find(region.name) is not None:
        return
    places = findings.places
    default = "" if "azure.region" in places else " when it is left out"
    usable = [one.name for one in known if one.usable]
    fault = Fault(
        code="other-cloud",
        message=f"is {region.name}{default}, which is a region of {_CLOUDS[region.cloud]}, "
        f"and azure.cloud is {workspace.azure.cloud}",
        hint=f"regions of it: {', '.join(usable)}" if len(usable) <= _FEW else "tenantry region list",
    )
    findings.add_fault(
        fault, "azure.region", mark=places.get("azure.region") or places.get("azure") or places["target"]
    )


def _refuse_keys(keys: Mapping[str, str], reader: TargetKind, target: TargetKind, findings: Findings) -> None:
    for key, instead in keys.items():
        if key in findings.places:
            message = f"is only read with target: {reader}, and the target is {target}"
            hint = f"take it out: {instead}" if instead else "take it out"
            findings.add_fault(Fault(code="misplaced-key", message=message, hint=hint), key)


def check_references(spec: InstanceSpec, profile: Profile, workspace: Workspace, findings: Findings) -> None:
    """Note plain values that App Service would take for references. Sensitive ones lie in the vault."""
    if spec.target is not TargetKind.AZURE:
        return
    values = resolved_settings(profile, spec, workspace)
    for variable in profile.variables:
        if variable.sensitive or not _REFERENCE.match(values.get(variable.name, "")):
            continue
        fault = Fault(
            code="reference-as-value",
            message="begins as a reference of App Service's, which would fetch the value from elsewhere",
            hint=f"write the value itself; a secret goes to: tenantry credentials set {spec.name} NAME",
        )
        key = f"settings.{variable.name}"
        if key in findings.places:
            findings.add_fault(fault, key)
            continue
        of_all = variable.cls is VariableClass.ORGANISATION and variable.name in workspace.settings
        where = WORKSPACE_FILE if of_all else f"the profile {profile.name}"
        findings.adopt(
            [Problem(code=fault.code, message=f"{key} {fault.message}", hint=fault.hint, where=where)]
        )


def _check_log_days(spec: InstanceSpec, findings: Findings) -> None:
    if spec.log_retention_days not in _LOG_DAYS:
        allowed = f"{_LOG_DAYS[0]} to {_LOG_DAYS[-1]} are allowed on Azure"
        fault = Fault(code="out-of-range", message=f"is {spec.log_retention_days}; {allowed}")
        findings.add_fault(fault, "logs.retention_days")


def _check_azure_hostname(spec: InstanceSpec, workspace: Workspace, findings: Findings) -> None:
    """A CNAME leads to the instance, and App Service makes a certificate for its name."""
    rehearsal = workspace.azure is not None and workspace.azure.cloud is CloudName.SANDBOX
    own = next((one for one in AZURES_OWN if spec.hostname.endswith(f".{one}")), "")
    special = special_use(spec.hostname)
    fault = None
    if own:
        fault = Fault(
            code="azures-hostname",
            message=f"lies in {own}, which is Azure's own: nobody else makes records there",
            hint="leave hostname out: the instance is reached at the name that App Service gives it",
        )
    elif special and not (rehearsal and special == "test"):
        fault = Fault(
            code="special-hostname",
            message=f"ends in .{special}, where nobody can make the records that App Service looks for",
            hint="take a name below a domain that is registered, such as: benin.example.org",
        )
    elif spec.hostname.count(".") == 1:
        fault = Fault(
            code="apex-hostname",
            message="is the apex of a zone, which can have no CNAME, and App Service is reached by one",
            hint=f"take a name below it, such as: www.{spec.hostname}",
        )
    elif len(spec.hostname) > _MOST_OF_A_CERTIFICATE:
        message = f"is longer than the {_MOST_OF_A_CERTIFICATE} characters of a managed certificate"
        fault = Fault(code="long-hostname", message=message, hint="take a shorter one")
    if fault is not None:
        findings.add_fault(fault, "hostname")


def _check_tls(spec: InstanceSpec, findings: Findings) -> None:
    for key, path in (
        ("tls.certificate_file", spec.tls.certificate_file),
        ("tls.key_file", spec.tls.key_file),
    ):
        if spec.tls.mode is not TlsMode.FILES:
            if path is not None:
                message = f"is only read with tls.mode: files, and the mode is {spec.tls.mode}"
                findings.add_fault(Fault(code="misplaced-key", message=message), key)
        elif path is None:
            findings.add("missing-key", f"{key} is missing", mark=findings.places.get("tls", NOWHERE))
        elif not path.is_file():
            findings.add_fault(Fault(code="no-file", message=f"names {path}, which is no file"), key)
        elif not os.access(path, os.R_OK):
            findings.add_fault(Fault(code="unreadable", message=f"names {path}, which cannot be read"), key)
