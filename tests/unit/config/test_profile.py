from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tenantry.config.profile import (
    condition_holds,
    list_profiles,
    load_profile,
    missing_secrets,
    read_profile,
    resolved_settings,
)
from tenantry.config.spec import load_spec
from tenantry.config.workspace import load_workspace
from tenantry.errors import Problem, SpecError
from tenantry.model.profile import FolderKind, ValueForm, VariableClass
from tenantry.model.spec import InstanceSpec, Workspace

PROFILE = """\
tenantry_profile: 1
name: forms
version: "1.0"
runtime: {name: none}
services: [database, folders]
processes:
  - {name: web, command: [./web], listens: true}
folders: [{name: uploads, kind: uploads}]
"""

Spoil = Callable[[str], Sequence[Problem]]


@pytest.fixture
def spoil(tmp_path: Path) -> Spoil:
    def problems_of(text: str) -> Sequence[Problem]:
        path = tmp_path / "forms.yaml"
        path.write_text(text)
        with pytest.raises(SpecError) as caught:
            read_profile(path, shown="forms.yaml")
        return caught.value.problems

    return problems_of


@pytest.fixture
def spec(folder: Path, workspace: Workspace) -> InstanceSpec:
    return load_spec(folder / "instances" / "benin.yaml", workspace=workspace)


def test_every_key_is_read(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "forms.yaml").write_text(
        PROFILE
        + """\
description: Forms
package: {folder: ./app, shared: false}
database: {transport: socket, schemas: [forms], extensions: [pg_trgm], changes_schema: true}
migration: {command: [./m], timeout_seconds: 9, proof: select true}
bootstrap: {proof: "with x as (select 1) select true from x", after_start: true}
periodic: [{name: nightly, command: [./n], every_minutes: 60}]
health: {path: /h, expected_status: 204, liveness_path: /l, timeout_seconds: 2.5}
variables:
  - {name: FORMS_ID, class: generated-once, form: uuid}
  - {name: MAIL, class: organisation}
  - {name: SECRET, class: generated, length: 32}
  - {name: URL, class: derived, source: database.url}
  - {name: HERE, class: derived, source: folder.uploads}
administrator: {email_variable: MAIL, password_variable: SECRET}
queries: {accounts: select 1}
export: [uploads]
"""
    )
    profile = read_profile(tmp_path / "forms.yaml")
    assert profile.package is not None
    assert (profile.package.folder, profile.package.shared) == (tmp_path / "app", False)
    assert profile.migration is not None
    assert profile.bootstrap is not None
    assert (profile.migration.command, profile.bootstrap.command) == (("./m",), ())
    assert profile.health.timeout_seconds == 2.5
    assert profile.folders[0].kind is FolderKind.UPLOADS
    assert profile.variables[0].form is ValueForm.UUID
    assert profile.variables[0].cls is VariableClass.GENERATED_ONCE
    assert profile.queries == (("accounts", "select 1"),)
    assert profile.periodic[0].every_minutes == 60


def test_what_is_derived_from_a_secret_is_sensitive_without_being_asked(tmp_path: Path) -> None:
    (tmp_path / "forms.yaml").write_text(
        PROFILE
        + "variables: [{name: A, class: derived, source: database.url},"
        + " {name: B, class: derived, source: database.host}]\n"
    )
    variables = read_profile(tmp_path / "forms.yaml").variables
    assert [variable.sensitive for variable in variables] == [True, False]


@pytest.mark.parametrize(
    ("old", "new", "code", "where", "part"),
    [
        ('"1.0"', "1.0", "wrong-type", "3:10", "reads 1.0 as a number"),
        ("name: forms", "name: form", "name-mismatch", "2:7", "called forms"),
        ("[database, folders]", "[database, foldres]", "unknown-value", "5:22", "one of: database"),
        ("[database, folders]", "[database]", "missing-service", "5:11", "must list folders"),
        ("name: none", "name: ruby", "wrong-format", "4:17", "one of: node, python, none"),
        ("name: web", "name: Web", "wrong-format", "7:12", "letters a-z"),
        ("name: web", "name: ../web", "wrong-format", "7:12", "letters a-z"),
        ("[./web]", "./web", "wrong-type", "7:26", "must be a list"),
        ("[./web]", "[]", "out-of-range", "7:26", "0 items"),
        ("listens: true", "listens: false", "out-of-range", "7:3", "exactly one process"),
        ("listens: true", "stop_signal: SIGKILL", "unknown-value", "7:48", "signal"),
        ("listens: true", "stop_signal: TERM", "unknown-value", "7:48", "signal"),
        ("kind: uploads", "kind: upload", "unknown-value", "8:33", "one of: uploads"),
    ],
)
def test_a_wrong_value_is_told_where_it_stands(
    spoil: Spoil, *, old: str, new: str, code: str, where: str, part: str
) -> None:
    assert old in PROFILE
    problem = spoil(PROFILE.replace(old, new, 1))[0]
    assert (problem.code, problem.where) == (code, f"forms.yaml:{where}")
    assert part in problem.message


@pytest.mark.parametrize(
    ("variable", "code", "part"),
    [
        ("class: derived", "missing-key", "needs a source"),
        ("class: derived, source: database.hots", "wrong-format", "known source"),
        ("class: derived, source: cache.host", "missing-service", "needs the service cache"),
        ("class: derived, source: folder.upload", "unknown-value", "a folder upload that"),
        ("class: derived, source: port, value: x", "misplaced-key", "class derived"),
        ("class: fixed", "missing-key", "needs a value"),
        ("class: secret, value: hunter22", "misplaced-key", "class secret"),
        ("class: client, length: 20", "misplaced-key", "class client"),
        ("class: generated, length: 8", "out-of-range", "16 to 256"),
        ("class: generated, form: uuid, length: 36", "misplaced-key", "class generated"),
        ("class: client, when: B=1", "unknown-value", "names B"),
        ("class: client, when: A=1", "unknown-value", "names A"),
        ("class: client, when: B", "wrong-format", "VARIABLE=value"),
        ("class: secrets", "unknown-value", "one of: generated"),
    ],
)
def test_a_wrong_variable_is_told_where_it_stands(spoil: Spoil, variable: str, code: str, part: str) -> None:
    line = f"variables: [{{name: A, {variable}}}]"
    problem = spoil(f"{PROFILE}{line}\n")[0]
    # The place is the key's value, or the whole variable when a key is missing.
    value = re.split(r"[ ,]+", variable)[-1]
    column = 13 if code == "missing-key" else line.rindex(value) + 1
    assert (problem.code, problem.where) == (code, f"forms.yaml:9:{column}")
    assert part in problem.message
    assert "hunter22" not in problem.message


@pytest.mark.parametrize("name", ["PATH", "HOME", "LD_PRELOAD"])
def test_a_variable_that_would_change_the_system_is_refused(spoil: Spoil, name: str) -> None:
    assert spoil(f"{PROFILE}variables: [{{name: {name}, class: client}}]\n")[0].code == "name-reserved"


@pytest.mark.parametrize(
    ("line", "code", "part"),
    [
        ("migration: {command: [./m]}", "missing-key", "migration.proof is missing"),
        ("migration: {proof: select true}", "missing-key", "needs a command, or after_start"),
        ("bootstrap: {command: [x], proof: delete from a}", "wrong-format", "only reads"),
        ('bootstrap: {command: [x], proof: "select 1; drop table a"}', "wrong-format", "only reads"),
        ("export: [nothing]", "unknown-value", "no folder of this profile"),
        ("package: {folder: ./nothing}", "no-folder", "no folder that can be read"),
        ("periodic: [{name: web, command: [x], every_minutes: 5}]", "duplicate-name", "stands above"),
        ("periodic: [{name: a, command: [x], every_minutes: 5 min}]", "wrong-type", "number of minutes"),
        ("administrator: {email_variable: A, password_variable: B}", "unknown-value", "no variable"),
        ("health: {path: health}", "wrong-format", "begins with /"),
        ("health: {timeout_seconds: 0}", "out-of-range", "0.1 to 60"),
        ("queries: {last_updated: select 1}", "unknown-key", "not known in queries"),
        ("database: {schemas: ['a\"b']}", "wrong-format", "letters a-z"),
    ],
)
def test_a_wrong_block_is_told(spoil: Spoil, line: str, code: str, part: str) -> None:
    problem = spoil(f"{PROFILE}{line}\n")[0]
    assert (problem.code, problem.where.split(":")[:2]) == (code, ["forms.yaml", "9"])
    assert part in problem.message


def test_an_administrators_password_must_be_generated(spoil: Spoil) -> None:
    text = PROFILE + "variables: [{name: MAIL, class: client}, {name: WORD, class: fixed, value: admin}]\n"
    problem = spoil(text + "administrator: {email_variable: MAIL, password_variable: WORD}\n")[0]
    assert "no first password is well known" in problem.message


def test_a_name_that_stands_twice_is_told(spoil: Spoil) -> None:
    text = PROFILE + "variables: [{name: A, class: client}, {name: A, class: secret}]\n"
    assert (spoil(text)[0].code, spoil(text)[0].where) == ("duplicate-name", "forms.yaml:9:46")


def test_an_unknown_profile_is_told_with_the_nearest_one(workspace: Workspace) -> None:
    with pytest.raises(SpecError, match="no workload profile from") as caught:
        load_profile("from", workspace=workspace)
    assert (caught.value.code, caught.value.hint) == ("unknown-profile", "did you mean forms?")


@pytest.mark.parametrize("name", ["../profiles/forms", "/etc/passwd", "", "forms.yaml"])
def test_a_path_is_no_profiles_name(workspace: Workspace, name: str) -> None:
    with pytest.raises(SpecError) as caught:
        load_profile(name, workspace=workspace)
    assert caught.value.code == "unknown-profile"


def test_profiles_are_found_in_every_folder_and_the_workspaces_own_come_first(folder: Path) -> None:
    more = folder / "more"
    (more / "notes").mkdir(parents=True)
    (more / "notes" / "profile.yaml").write_text(PROFILE.replace("forms", "notes"))
    (more / "forms.yaml").write_text(PROFILE)
    single = folder / "single"
    single.mkdir()
    (single / "profile.yaml").write_text(PROFILE.replace("forms", "single"))
    with (folder / "tenantry.yaml").open("a") as file:
        file.write("profiles: [more, single]\n")
    workspace = load_workspace(folder)
    found = {profile.name: profile for profile in list_profiles(workspace)}
    assert {"forms", "notes", "single", "121-platform"} <= set(found)
    assert found["forms"].path == folder / "profiles" / "forms.yaml"
    assert found["121-platform"].origin == "tenantry"
    assert load_profile("notes", workspace=workspace).name == "notes"
    assert load_profile("single", workspace=workspace).name == "single"


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("", True),
        ("A=1", True),
        ("A=2", False),
        ("B=1", False),
        ("A!=1", False),
        ("A!=2", True),
        ("B!=1", True),
    ],
)
def test_a_condition_asks_for_a_value(condition: str, holds: bool) -> None:  # noqa: FBT001
    assert condition_holds(condition, {"A": "1"}) is holds


def test_a_secret_is_missing_while_its_condition_holds(spec: InstanceSpec, workspace: Workspace) -> None:
    profile = load_profile("forms", workspace=workspace)
    on = dataclasses.replace(spec, settings={"SMS_MODE": "ON", "SMS_NUMBER": "1"})
    assert [p.code for p in missing_secrets(profile, on, workspace, set())] == ["missing-secret"] * 2
    assert missing_secrets(profile, on, workspace, {"SMS_TOKEN", "API_TOKEN"}) == []
    problem = missing_secrets(profile, spec, workspace, set())
    assert [p.hint for p in problem] == ["run: tenantry credentials set benin API_TOKEN"]


def test_settings_come_from_spec_workspace_and_profile(spec: InstanceSpec, workspace: Workspace) -> None:
    profile = load_profile("forms", workspace=workspace)
    assert resolved_settings(profile, spec, workspace) == {"SMS_MODE": "OFF", "SENDER": "Example"}
    changed = dataclasses.replace(spec, settings={"SMS_MODE": "", "SMS_NUMBER": "1"})
    assert resolved_settings(profile, changed, workspace) == {"SMS_NUMBER": "1", "SENDER": "Example"}
