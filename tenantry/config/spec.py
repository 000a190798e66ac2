"""Reads the specs of instances, instances/<name>.yaml."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

from tenantry.config.blocks import ListOf, Record
from tenantry.config.formats import did_you_mean
from tenantry.config.kinds import INVALID, Kind
from tenantry.config.problems import NOWHERE, Fault, Findings
from tenantry.config.profile import load_profile, missing_settings
from tenantry.config.reader import Node, ScalarKind, ScalarNode, parse_document, read_bytes
from tenantry.config.regions import catalogue, find_region
from tenantry.config.spec_checks import check_references, check_spec
from tenantry.config.spec_fields import SPEC_RECORD
from tenantry.config.workspace import WORKSPACE_FILE
from tenantry.errors import DefectError, Problem, RefusedError, SpecError
from tenantry.model.profile import Profile, Variable, VariableClass
from tenantry.model.residency import breaches, host_breach
from tenantry.model.spec import InstanceSpec, Workspace

__all__ = ["field_problem", "load_spec", "misnamed", "parse_spec", "spec_digest", "spec_names"]


def load_spec(path: Path, *, workspace: Workspace, complete: bool = True) -> InstanceSpec:
    """Read one spec and check it against its profile and the workspace.

    Args:
        path: the file; the instance bears its name.
        workspace: where profiles and the organisation's settings come from.
        complete: refuse it when settings that the profile needs are missing. A
            caller that tells more than that gets them from missing_settings.

    Raises:
        SpecError: the file has problems; all of them are told.
        RefusedError: it is sound, but the instance would leave the residency.
    """
    data = read_bytes(path, shown=_shown(path, workspace))
    return parse_spec(data, path=path, workspace=workspace, complete=complete)


def parse_spec(data: bytes, *, path: Path, workspace: Workspace, complete: bool = True) -> InstanceSpec:
    """Check a spec's text as load_spec does, before it is written to path."""
    spec, findings = _parse(data, path, workspace, complete=complete)
    if spec.hostname and (other := _hostname_elsewhere(spec.hostname, path, workspace)):
        _note_same_hostname(spec.hostname, other, findings)
    findings.raise_any()
    if outside := _outside(spec, workspace, findings):
        raise RefusedError(code=outside[0].code, where=outside[0].where, problems=outside)
    return spec


def spec_names(workspace: Workspace) -> Sequence[str]:
    """Return the names of all specs, in order. A file whose name begins with a dot is an editor's."""
    return [path.stem for path in _spec_files(workspace)]


def _spec_files(workspace: Workspace) -> Sequence[Path]:
    return sorted(p for p in workspace.specs.glob("*.yaml") if not p.name.startswith("."))


def misnamed(workspace: Workspace) -> Iterable[Problem]:
    """Tell of files that somebody may take for specs although nothing reads them."""
    for path in sorted(workspace.specs.glob("*.yml")):
        shown = _shown(path, workspace)
        yield Problem(
            code="wrong-extension",
            message=f"{shown} is not read: a spec ends in .yaml",
            hint=f"rename it to {path.stem}.yaml",
            where=shown,
        )


def _shown(path: Path, workspace: Workspace) -> str:
    absolute = path.absolute()
    return (
        str(absolute.relative_to(workspace.folder))
        if absolute.is_relative_to(workspace.folder)
        else str(path)
    )


def _parse(data: bytes, path: Path, workspace: Workspace, *, complete: bool) -> tuple[InstanceSpec, Findings]:
    root, findings = parse_document(data, shown=_shown(path, workspace), base=path.absolute().parent)
    bound = SPEC_RECORD.bind(root, "", findings)
    if bound is INVALID:
        raise findings.error()
    spec: InstanceSpec = dataclasses.replace(bound, where=findings.file)
    _check_file_name(spec, path, findings)
    check_spec(spec, workspace, findings)
    profile = _profile_of(spec, workspace, findings)
    if profile is not None:
        _check_settings(spec, profile, workspace, findings)
        check_references(spec, profile, workspace, findings)
        if complete:
            where = findings.where(findings.places.get("settings", NOWHERE))
            findings.adopt(missing_settings(profile, spec, workspace, where=where))
    return spec, findings


def _check_file_name(spec: InstanceSpec, path: Path, findings: Findings) -> None:
    if path.name != f"{spec.name}.yaml":
        fault = Fault(
            code="name-mismatch",
            message=f"is {spec.name}, but the file is called {path.name}",
            hint=f"rename the file to {spec.name}.yaml, or the instance",
        )
        findings.add_fault(fault, "name")


def _outside(spec: InstanceSpec, workspace: Workspace, findings: Findings) -> list[Problem]:
    """Return what would leave the residency, or cannot be had where the spec wants it."""
    if spec.azure is None:
        breach = host_breach(spec.residency, workspace.host.country)
        found = [breach] if breach else []
    else:
        region = find_region(spec.azure.region)
        assert region is not None  # the fields let no other pass
        found = [*breaches(spec.azure, region, spec.residency, catalogue(region.cloud))]
    places = findings.places
    return [
        Problem(
            code=one.code,
            message=f"{one.key} {one.message}",
            hint=one.hint,
            # A key that is left out has its default; then the block that it is measured by is named.
            where=findings.where(places.get(one.key) or places.get("residency") or places["target"]),
        )
        for one in found
    ]


def _profile_of(spec: InstanceSpec, workspace: Workspace, findings: Findings) -> Profile | None:
    try:
        return load_profile(spec.profile, workspace=workspace)
    except SpecError as error:
        if error.code == "unknown-profile":
            message = f"is {spec.profile}, which there is not"
            findings.add_fault(Fault(code=error.code, message=message, hint=error.hint), "profile")
        else:
            findings.adopt(error.problems)
        return None


def _check_settings(spec: InstanceSpec, profile: Profile, workspace: Workspace, findings: Findings) -> None:
    variables = {variable.name: variable for variable in profile.variables}
    for name in spec.settings:
        if fault := _setting_fault(name, variables, spec, profile):
            findings.add_fault(fault, f"settings.{name}")
    findings.adopt(_secrets_in_workspace(variables, spec, workspace))


def _secrets_in_workspace(
    variables: dict[str, Variable], spec: InstanceSpec, workspace: Workspace
) -> Iterable[Problem]:
    for name in workspace.settings:
        if name in variables and variables[name].cls is VariableClass.SECRET:
            yield Problem(
                code="misplaced-setting",
                message=f"settings.{name} is a secret of {spec.profile} and stands in a file",
                hint=f"take it out, change it, and run: tenantry credentials set {spec.name} {name}",
                where=WORKSPACE_FILE,
            )


def _setting_fault(
    name: str, variables: dict[str, Variable], spec: InstanceSpec, profile: Profile
) -> Fault | None:
    """Say why a variable may not stand in a spec's settings."""
    variable = variables.get(name)
    if variable is None:
        known = [other.name for other in variables.values() if other.cls is VariableClass.CLIENT]
        message = f"is no variable of the profile {profile.name}"
        return Fault(code="unknown-setting", message=message, hint=did_you_mean(name, known))
    if variable.cls is VariableClass.CLIENT:
        return None
    hints = {
        VariableClass.SECRET: f"take it out, and run: tenantry credentials set {spec.name} {name}",
        VariableClass.ORGANISATION: f"it belongs in the settings of {WORKSPACE_FILE}",
    }
    return Fault(
        code="misplaced-setting",
        message=f"is a variable of class {variable.cls}, which a spec does not set",
        hint=hints.get(variable.cls, "take it out: tenantry gives the value"),
    )


def _hostname_elsewhere(hostname: str, path: Path, workspace: Workspace) -> str:
    """Return the other spec with this host name, or nothing. Files that cannot be read are passed over."""
    for other in _spec_files(workspace):
        if other.absolute() == path.absolute():
            continue
        shown = _shown(other, workspace)
        try:
            data = read_bytes(other, shown=shown)
            # Reading 200 files takes milliseconds, parsing them does not.
            if hostname.encode() in data and _value_of(data, "hostname") == hostname:
                return shown
        except SpecError:
            continue
    return ""


def _value_of(data: bytes, key: str) -> str:
    root, _ = parse_document(data, shown="", base=Path())
    node: Node | None = next((entry.value for entry in root.entries if entry.key == key), None)
    return node.text if isinstance(node, ScalarNode) else ""


def _note_same_hostname(hostname: str, other: str, findings: Findings) -> None:
    message = f"is {hostname}, which {other} has too"
    hint = "requests could reach only one of them; give each a host name of its own"
    findings.add_fault(Fault(code="duplicate-hostname", message=message, hint=hint), "hostname")


def field_problem(key: str, text: str) -> Problem | None:
    """Say what is wrong with an answer for one key of a spec, such as "client.country".

    Of a list, text is one item. For prompts; what needs other files or keys is
    left to parse_spec.
    """
    findings = Findings(file="", base=Path())
    _kind_of(key).bind(ScalarNode(text, ScalarKind.TEXT, NOWHERE), key, findings)
    return findings.problems[0] if findings.found else None


def _kind_of(key: str) -> Kind:
    kind: Kind = SPEC_RECORD
    for part in key.split("."):
        fields = kind.fields if isinstance(kind, Record) else ()
        found = next((field.kind for field in fields if field.key == part), None)
        if found is None:
            message = f"a spec has no key {key}"
            raise DefectError(message)
        kind = found
    return kind.kind if isinstance(kind, ListOf) else kind


def spec_digest(spec: InstanceSpec, profile: Profile) -> str:
    """Return the SHA-256 (hex) of what is asked for: spec and profile as canonical JSON.

    Values of sensitive variables are left out, so that nobody can try values
    against the digest; where files lie is left out too.
    """
    sensitive = {variable.name for variable in profile.variables if variable.sensitive}
    wanted = {
        "spec": {
            **_plain(spec),
            "where": "",
            "settings": {k: "" if k in sensitive else v for k, v in spec.settings.items()},
        },
        "profile": {**_plain(profile), "package": profile.package is not None and profile.package.shared},
    }
    text = json.dumps(wanted, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _plain(value: Any) -> Any:
    """Return the value as JSON has it, sets in order."""
    if dataclasses.is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, frozenset):
        return sorted(_plain(part) for part in value)
    if isinstance(value, tuple | list):
        return [_plain(part) for part in value]
    return str(value) if isinstance(value, Path) else value
