"""What must hold between the parts of a workload profile."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable

from tenantry.config.formats import did_you_mean
from tenantry.config.problems import Fault, Findings
from tenantry.config.profile_fields import DERIVED_SOURCES
from tenantry.model.profile import OneOff, Profile, Service, ValueForm, Variable, VariableClass

__all__ = ["check_profile"]

_GENERATED = frozenset({VariableClass.GENERATED, VariableClass.GENERATED_ONCE})
_WITH_VALUE = frozenset({VariableClass.FIXED, VariableClass.CLIENT, VariableClass.ORGANISATION})
_NEEDS = {
    "database": Service.DATABASE,
    "folder": Service.FOLDERS,
    "cache": Service.CACHE,
    "blobs": Service.BLOBS,
    "portal": Service.PORTAL,
    "email": Service.EMAIL,
}  # the first part of a source → the service that it comes from


def check_profile(profile: Profile, findings: Findings) -> None:
    """Note everything that does not fit together."""
    _check_names(profile, findings)
    _check_processes(profile, findings)
    _check_services(profile, findings)
    _check_containers(profile, findings)
    for key, one_off in (("migration", profile.migration), ("bootstrap", profile.bootstrap)):
        if one_off is not None:
            _check_one_off(one_off, key, findings)
    for index, variable in enumerate(profile.variables):
        _check_variable(variable, f"variables[{index}]", profile, findings)
    _check_administrator(profile, findings)
    _check_export(profile, findings)
    _check_package(profile, findings)


def _check_names(profile: Profile, findings: Findings) -> None:
    jobs = [process.name for process in profile.processes]
    _unique("processes", jobs, findings)
    # Processes and periodic commands share the folders of their logs.
    _unique("periodic", [job.name for job in profile.periodic], findings, taken=jobs)
    _unique("folders", [folder.name for folder in profile.folders], findings)
    _unique("variables", [variable.name for variable in profile.variables], findings)


def _unique(key: str, names: list[str], findings: Findings, *, taken: Iterable[str] = ()) -> None:
    seen = set(taken)
    for index, name in enumerate(names):
        if name in seen:
            _add(findings, "duplicate-name", f"{key}[{index}].name", f"is {name}, which stands above already")
        seen.add(name)


def _check_processes(profile: Profile, findings: Findings) -> None:
    listening = sum(process.listens for process in profile.processes)
    if listening != 1:
        message = (
            f"must have exactly one process with listens: true, the one behind the proxy; {listening} have it"
        )
        _add(findings, "out-of-range", "processes", message)


def _check_services(profile: Profile, findings: Findings) -> None:
    if profile.folders and Service.FOLDERS not in profile.services:
        _add(findings, "missing-service", "services", "must list folders, because the profile has folders")
    if "database" in findings.places and Service.DATABASE not in profile.services:
        _add(
            findings,
            "missing-service",
            "services",
            "must list database, because the profile has a database block",
        )


def _check_containers(profile: Profile, findings: Findings) -> None:
    if profile.containers and Service.BLOBS not in profile.services:
        message = "must list blobs, because the profile has containers"
        _add(findings, "missing-service", "services", message)
    for index, variable in enumerate(profile.variables):
        if variable.source == "blobs.container" and not profile.containers:
            message = "names a container, and the profile has no containers"
            _add(findings, "unknown-value", f"variables[{index}].source", message)


def _check_one_off(one_off: OneOff, key: str, findings: Findings) -> None:
    if not one_off.command and not one_off.after_start:
        _add(
            findings,
            "missing-key",
            key,
            "needs a command, or after_start: true when the processes do it themselves",
        )


def _check_variable(variable: Variable, key: str, profile: Profile, findings: Findings) -> None:
    given = {
        part
        for part in ("source", "value", "length", "form", "sensitive")
        if f"{key}.{part}" in findings.places
    }
    derived = variable.cls is VariableClass.DERIVED
    if derived and not variable.source:
        _add(
            findings,
            "missing-key",
            key,
            f"({variable.name}) is derived and needs a source",
            hint=_sources_hint(),
        )
    if variable.cls is VariableClass.FIXED and "value" not in given:
        _add(findings, "missing-key", key, f"({variable.name}) is fixed and needs a value")
    misplaced = {
        "source": not derived,
        "value": variable.cls not in _WITH_VALUE,
        "length": variable.cls not in _GENERATED or variable.form is ValueForm.UUID,
        "form": variable.cls not in _GENERATED,
    }
    for part in sorted(given):
        if misplaced.get(part):
            _add(
                findings,
                "misplaced-key",
                f"{key}.{part}",
                f"means nothing for a variable of class {variable.cls}",
            )
    if derived and variable.source:
        _check_source(variable.source, f"{key}.source", profile, findings)
    if variable.when:
        _check_condition(variable, f"{key}.when", profile, findings)


def _sources_hint() -> str:
    return f"known: {', '.join(DERIVED_SOURCES)}, folder.<name>"


def _check_source(source: str, key: str, profile: Profile, findings: Findings) -> None:
    group, _, rest = source.partition(".")
    if group == "folder" and rest not in {folder.name for folder in profile.folders}:
        hint = did_you_mean(rest, [folder.name for folder in profile.folders])
        _add(
            findings, "unknown-value", key, f"names a folder {rest} that the profile does not have", hint=hint
        )
    elif (service := _NEEDS.get(group)) and service not in profile.services:
        _add(
            findings, "missing-service", key, f"needs the service {service}, which is not listed in services"
        )


def _check_condition(variable: Variable, key: str, profile: Profile, findings: Findings) -> None:
    names = [
        other.name for other in profile.variables if other.name != variable.name and other.cls in _WITH_VALUE
    ]
    other = variable.when.partition("=")[0].rstrip("!")
    if other not in names:
        message = f"names {other}, which is no fixed, client or organisation variable of this profile"
        _add(findings, "unknown-value", key, message, hint=did_you_mean(other, names))


def _check_administrator(profile: Profile, findings: Findings) -> None:
    if profile.administrator is None:
        return
    classes = {variable.name: variable.cls for variable in profile.variables}
    if profile.administrator.email_variable not in classes:
        _add(findings, "unknown-value", "administrator.email_variable", "is no variable of this profile")
    if classes.get(profile.administrator.password_variable) is not VariableClass.GENERATED:
        message = "must be a variable of class generated, so that no first password is well known"
        _add(findings, "unknown-value", "administrator.password_variable", message)


def _check_export(profile: Profile, findings: Findings) -> None:
    names = Counter(folder.name for folder in profile.folders)
    for index, name in enumerate(profile.export):
        if name not in names:
            hint = did_you_mean(name, names)
            _add(
                findings,
                "unknown-value",
                f"export[{index}]",
                f"is {name}, no folder of this profile",
                hint=hint,
            )


def _check_package(profile: Profile, findings: Findings) -> None:
    package = profile.package
    if package is not None and not (package.folder.is_dir() and os.access(package.folder, os.R_OK | os.X_OK)):
        _add(
            findings,
            "no-folder",
            "package.folder",
            f"is {package.folder}, which is no folder that can be read",
        )


def _add(findings: Findings, code: str, key: str, message: str, *, hint: str = "") -> None:
    findings.add_fault(Fault(code=code, message=message, hint=hint), key)
