"""Finds workload profiles and reads them."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tenantry.config.formats import did_you_mean
from tenantry.config.kinds import INVALID
from tenantry.config.problems import Fault, shorten
from tenantry.config.profile_checks import check_profile
from tenantry.config.profile_fields import DERIVED_SOURCES, PROFILE_RECORD, SENSITIVE_SOURCES
from tenantry.config.reader import read_document
from tenantry.config.workspace import WORKSPACE_FILE
from tenantry.errors import Problem, SpecError
from tenantry.model.profile import Profile, Variable, VariableClass
from tenantry.model.spec import InstanceSpec, Workspace

__all__ = [
    "DERIVED_SOURCES",
    "ProfileFile",
    "condition_holds",
    "is_required",
    "list_profiles",
    "load_profile",
    "missing_secrets",
    "missing_settings",
    "read_profile",
    "resolved_settings",
]

_PACKAGE: Final = Path(__file__).parent.parent / "profiles"


@dataclass(frozen=True, kw_only=True)
class ProfileFile:
    """A profile that was found, not read yet."""

    name: str
    path: Path
    origin: str  # "workspace", or "tenantry" for what ships with it


def list_profiles(workspace: Workspace) -> tuple[ProfileFile, ...]:
    """Return the profiles that a spec of this workspace may name, by name.

    The workspace's own folder comes first, then its configured folders, then
    what ships with tenantry; an earlier one hides a later one of that name.
    """
    found: dict[str, ProfileFile] = {}
    for folder in (workspace.folder / "profiles", *workspace.profile_folders):
        for name, path in _profiles_in(folder).items():
            found.setdefault(name, ProfileFile(name=name, path=path, origin="workspace"))
    for name, path in _profiles_in(_PACKAGE).items():
        found.setdefault(name, ProfileFile(name=name, path=path, origin="tenantry"))
    return tuple(found[name] for name in sorted(found))


def _profiles_in(folder: Path) -> Mapping[str, Path]:
    """Return <name>.yaml and <name>/profile.yaml in a folder, and the folder's own profile.yaml."""
    if not folder.is_dir():
        return {}
    found = {path.parent.name: path for path in folder.glob("*/profile.yaml")}
    found |= {path.stem: path for path in folder.glob("*.yaml") if path.name != "profile.yaml"}
    own = folder / "profile.yaml"
    return {folder.name: own, **found} if own.is_file() else found


def load_profile(name: str, *, workspace: Workspace) -> Profile:
    """Read the profile of that name.

    Raises:
        SpecError: there is none, or its file has problems; all of them are told.
    """
    profiles = {profile.name: profile for profile in list_profiles(workspace)}
    if name not in profiles:
        raise SpecError(
            f"there is no workload profile {shorten(name)}",
            hint=did_you_mean(name, profiles),
            code="unknown-profile",
        )
    return read_profile(profiles[name].path, shown=_shown(profiles[name], workspace))


def _shown(profile: ProfileFile, workspace: Workspace) -> str:
    if profile.origin == "tenantry":
        return f"tenantry/profiles/{profile.path.name}"
    if profile.path.is_relative_to(workspace.folder):
        return str(profile.path.relative_to(workspace.folder))
    return str(profile.path)


def read_profile(path: Path, *, shown: str = "") -> Profile:
    """Read one profile's file; its name must be the file's, or the folder's of a profile.yaml.

    Raises:
        SpecError: the file has problems; all of them are told.
    """
    root, findings = read_document(path, shown=shown or str(path))
    bound = PROFILE_RECORD.bind(root, "", findings)
    if bound is INVALID:
        raise findings.error()
    profile: Profile = bound
    wanted = path.absolute().parent.name if path.name == "profile.yaml" else path.stem
    if profile.name != wanted:
        fault = Fault(
            code="name-mismatch", message=f"is {profile.name}, but the file or folder is called {wanted}"
        )
        findings.add_fault(fault, "name")
    check_profile(profile, findings)
    findings.raise_any()
    return dataclasses.replace(profile, variables=tuple(_guarded(variable) for variable in profile.variables))


def _guarded(variable: Variable) -> Variable:
    """Return the variable, sensitive if what it is derived from is."""
    if variable.source in SENSITIVE_SOURCES:
        return dataclasses.replace(variable, sensitive=True)
    return variable


def resolved_settings(profile: Profile, spec: InstanceSpec, workspace: Workspace) -> dict[str, str]:
    """Return the values of the fixed, client and organisation variables.

    A value that is empty is left out: such a variable is not set.
    """
    given = {VariableClass.CLIENT: spec.settings, VariableClass.ORGANISATION: workspace.settings}
    values: dict[str, str] = {}
    for variable in profile.variables:
        if variable.cls is VariableClass.FIXED:
            values[variable.name] = variable.value
        elif variable.cls in given:
            values[variable.name] = given[variable.cls].get(variable.name, variable.value)
    return {name: value for name, value in values.items() if value}


def condition_holds(condition: str, settings: Mapping[str, str]) -> bool:
    """Say whether a variable's ``when`` holds under resolved settings; an empty one always does."""
    if not condition:
        return True
    name, _, value = condition.partition("=")
    if name.endswith("!"):
        return settings.get(name[:-1], "") != value
    return settings.get(name, "") == value


def is_required(variable: Variable, settings: Mapping[str, str]) -> bool:
    """Say whether the workload cannot start without the variable under resolved settings."""
    return variable.required and condition_holds(variable.when, settings)


def missing_settings(
    profile: Profile, spec: InstanceSpec, workspace: Workspace, *, where: str = ""
) -> list[Problem]:
    """Return a problem for each required variable of class client or organisation without a value.

    ``where`` says where the spec's settings stand; it is the spec's file when left out.
    """
    settings = resolved_settings(profile, spec, workspace)
    places = {
        VariableClass.CLIENT: (where or spec.where, "write it into the settings of the spec"),
        VariableClass.ORGANISATION: (
            WORKSPACE_FILE,
            f"it is the same for all instances: write it into the settings of {WORKSPACE_FILE}",
        ),
    }
    return [
        Problem(
            code="missing-setting",
            message=f"settings.{variable.name} is missing; {profile.name} needs it{_because(variable)}",
            hint=places[variable.cls][1],
            where=places[variable.cls][0],
        )
        for variable in profile.variables
        if variable.cls in places and variable.name not in settings and is_required(variable, settings)
    ]


def missing_secrets(
    profile: Profile, spec: InstanceSpec, workspace: Workspace, present: Collection[str]
) -> list[Problem]:
    """Return a problem for each required variable of class secret that is not in present."""
    settings = resolved_settings(profile, spec, workspace)
    return [
        Problem(
            code="missing-secret",
            message=f"the secret {variable.name} is not set; {profile.name} needs it{_because(variable)}",
            hint=f"run: tenantry credentials set {spec.name} {variable.name}",
            where=spec.where,
        )
        for variable in profile.variables
        if variable.cls is VariableClass.SECRET
        and variable.name not in present
        and is_required(variable, settings)
    ]


def _because(variable: Variable) -> str:
    return f" while {variable.when}" if variable.when else ""
