from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tenantry.config.profile import load_profile, missing_settings
from tenantry.config.spec import field_problem, load_spec, misnamed, parse_spec, spec_digest, spec_names
from tenantry.config.workspace import load_workspace
from tenantry.errors import DefectError, Problem, SpecError
from tenantry.model.spec import SIZES, Backups, Limits, Size, TargetKind, TlsMode, Workspace

Spoil = Callable[[str], Sequence[Problem]]

SPEC = """\
tenantry: 1
name: benin
client:
  name: Croix-Rouge du Bénin
  country: BJ
  contact: data@example.org
target: host
profile: forms
hostname: benin.example.org
"""


def test_what_is_left_out_has_the_defaults_of_the_model(folder: Path, workspace: Workspace) -> None:
    spec = load_spec(folder / "instances" / "benin.yaml", workspace=workspace)
    assert spec.where == "instances/benin.yaml"
    assert spec.target is TargetKind.HOST
    assert spec.limits == SIZES[Size.SMALL]
    assert (spec.backups, spec.log_retention_days, spec.version) == (Backups(), 90, "")


def test_every_key_is_read(folder: Path, workspace: Workspace) -> None:
    more = """\
version: "1.2"
size: large
limits: {memory_mib: 2048}
backups: {keep_full: 2, keep_snapshots: 3, max_age_hours: 4, archive_timeout_seconds: 30}
logs: {retention_days: 30}
settings: {SMS_MODE: "ON", SMS_NUMBER: "+229"}
encryption_required: true
tls: {mode: files, certificate_file: cert.pem, key_file: ../key.pem}
"""
    (folder / "instances" / "cert.pem").write_text("x")
    (folder / "key.pem").write_text("x")
    spec = parse_spec((SPEC + more).encode(), path=folder / "instances" / "benin.yaml", workspace=workspace)
    assert spec.limits == Limits(memory_mib=2048, cpu_percent=400, disk_gib=100, connections=120)
    assert spec.backups == Backups(keep_full=2, keep_snapshots=3, max_age_hours=4, archive_timeout_seconds=30)
    assert (spec.target, spec.log_retention_days, spec.encryption_required) == (TargetKind.HOST, 30, True)
    assert (spec.tls.mode, spec.tls.key_file) == (TlsMode.FILES, folder / "key.pem")
    assert spec.settings == {"SMS_MODE": "ON", "SMS_NUMBER": "+229"}


@pytest.mark.parametrize(
    ("old", "new", "code", "where", "part", "hint"),
    [
        ("hostname:", "hostnam:", "unknown-key", "9:1", "hostnam is not known", "did you mean hostname?"),
        ("  country", "  contry", "unknown-key", "5:3", "contry is not known in client", "country"),
        ("target: host\n", "", "missing-key", "1:1", "target is missing", "Where the instance lives"),
        ("  country: BJ\n", "", "missing-key", "4:3", "client.country is missing", "ISO 3166-1"),
        ("BJ", "NO", "wrong-type", "5:12", "YAML reads NO as false", 'write it in quotes: "NO"'),
        ("BJ", "bj", "unknown-country", "5:12", "is bj", "write BJ"),
        ("BJ", "XX", "unknown-country", "5:12", "no country's code", "two capital letters"),
        ("data@example.org", "nobody", "wrong-format", "6:12", "e-mail address", "such as"),
        ("target: host", "target: hots", "unknown-value", "7:9", "one of: host, azure", "did you mean host?"),
        ("target: host", "target: [host]", "wrong-type", "7:9", "one of: host, azure, not a list", ""),
        ("target: host", "target:", "wrong-type", "7:8", "target has no value", "leave the whole line out"),
        ("profile: forms", "profile: form", "unknown-profile", "8:10", "is form", "did you mean forms?"),
        ("profile: forms", "profile: ../x", "wrong-format", "8:10", "name of a profile", "profile list"),
        ("benin.example.org", "BENIN.example.org", "bad-hostname", "9:11", "lower case", "benin.example.org"),
        ("benin.example.org", "10.1.2.3", "bad-hostname", "9:11", "not an IP address", ""),
        ("name: benin", "name: togo", "name-mismatch", "2:7", "the file is called benin.yaml", "rename"),
        ("name: benin", "name: ../x", "name-path", "2:7", "not a path", "benin"),
        ("name: benin", "name: Benin", "name-upper-case", "2:7", "lower case", "write benin"),
        ("name: benin", "name: all", "name-reserved", "2:7", "reserved", "another"),
        ("name: benin", "name: bеnin", "name-look-alike", "2:7", "U+0435", "ASCII"),  # noqa: RUF001
        ("name: benin", f"name: {'a' * 41}", "out-of-range", "2:7", "41 characters", ""),
        ("tenantry: 1", "tenantry: 2", "unknown-version", "1:11", "reads version 1", "newer"),
        ("tenantry: 1", 'tenantry: "1"', "wrong-type", "1:11", "whole number", "without quotes"),
        ("tenantry: 1", "tenantry: 1.0", "wrong-type", "1:11", "whole number", "write 1"),
        ("  name: Croix", "  name: 12 #", "wrong-type", "4:9", "YAML reads 12 as a whole number", '"12"'),
        ("  name: Croix", "  name: on #", "wrong-type", "4:9", "YAML reads on as true", '"on"'),
        ("  name: Croix", "  name: 2026-01-02 #", "wrong-type", "4:9", "as a date", '"2026-01-02"'),
        ("  name: Croix", '  name: "\\0" #', "bad-character", "4:9", "U+0000", ""),
        ("  name: Croix", '  name: "a\\u202Eb" #', "bad-character", "4:9", "U+202E", ""),
    ],
)
def test_a_wrong_value_is_told_where_it_stands_and_how_to_mend_it(
    problems_of: Spoil, *, old: str, new: str, code: str, where: str, part: str, hint: str
) -> None:
    assert old in SPEC
    problem = problems_of(SPEC.replace(old, new, 1))[0]
    assert (problem.code, problem.where) == (code, f"instances/benin.yaml:{where}")
    assert part in problem.message
    assert hint in problem.hint


@pytest.mark.parametrize(
    ("line", "code", "where", "part", "hint"),
    [
        ("size: huge", "unknown-value", "10:7", "small, medium, large", ""),
        ("limits: {memory_mib: 2GB}", "wrong-type", "10:22", "number of MiB", "counts MiB"),
        ("limits: {memory_mib: 2 GiB}", "wrong-type", "10:22", "number of MiB", "write 2048"),
        ('limits: {memory_mib: "2048"}', "wrong-type", "10:22", "number of MiB", "without quotes"),
        ("limits: {memory_mib: 64}", "out-of-range", "10:22", "is 64; 128 to", ""),
        ("limits: {memory_mib: 2048.5}", "wrong-type", "10:22", "not a number", ""),
        ("limits: {memory: 5}", "unknown-key", "10:10", "memory is not known", "memory_mib"),
        ("limits: 5", "wrong-type", "10:9", "a block of keys", ""),
        ("logs: {retention_days: 90 days}", "wrong-type", "10:24", "number of days", "write 90"),
        ("logs: {retention_days: 2 weeks}", "wrong-type", "10:24", "number of days", "write 14"),
        ("logs: {retention_days: 0}", "out-of-range", "10:24", "is 0; 1 to", ""),
        ("backups: {max_age_hours: 2 days}", "wrong-type", "10:26", "number of hours", "write 48"),
        ("backups: {keep_full: true}", "wrong-type", "10:22", "not true or false", ""),
        ("encryption_required: yes", "wrong-type", "10:22", "must be true or false", "write true"),
        ("tls: {mode: acme, key_file: x}", "misplaced-key", "10:29", "mode is acme", ""),
        ("tls: {mode: files}", "missing-key", "10:6", "tls.certificate_file is missing", ""),
        (
            "tls: {mode: files, certificate_file: x.pem, key_file: y}",
            "no-file",
            "10:38",
            "which is no file",
            "",
        ),
        ("settings: {SMS_NUMER: x}", "unknown-setting", "10:12", "no variable of", "SMS_NUMBER"),
        (
            "settings: {API_TOKEN: x}",
            "misplaced-setting",
            "10:12",
            "of class secret",
            "credentials set benin",
        ),
        ("settings: {SENDER: x}", "misplaced-setting", "10:12", "of class organisation", "tenantry.yaml"),
        ("settings: {SESSION_KEY: x}", "misplaced-setting", "10:12", "of class generated", "gives the value"),
        ("settings: {sms: x}", "wrong-format", "10:12", "capital letters", ""),
        ("settings: {SMS_MODE: ON}", "wrong-type", "10:22", "reads the value as true", "in quotes"),
        ('settings: {SMS_MODE: "ON"}', "missing-setting", "10:11", "SMS_NUMBER is missing", ""),
        ("target: azure", "duplicate-key", "10:1", "target stands here a second time", "line 7"),
    ],
)
def test_a_wrong_line_is_told_where_it_stands_and_how_to_mend_it(
    problems_of: Spoil, *, line: str, code: str, where: str, part: str, hint: str
) -> None:
    problem = problems_of(f"{SPEC}{line}\n")[0]
    assert (problem.code, problem.where) == (code, f"instances/benin.yaml:{where}")
    assert part in problem.message
    assert hint in problem.hint


def test_a_version_that_is_no_number_is_told_the_one_that_is_read(problems_of: Spoil) -> None:
    problem = problems_of(SPEC.replace("tenantry: 1", "tenantry: one"))[0]
    assert problem.hint == "digits alone, such as 1"


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("1e3", "write 1000"),
        ("1E+3", "write 1000"),
        ("1_000", "write 1000"),
        ("500€", "write 500"),
        ("1 000", "write 1000"),
        ("700.0", "write 700"),
        ("500 EUR", "write 500"),
        ('"500 EUR"', "write 500"),
        ("7.0", "such as 1000"),  # below what is allowed
        ("0o17", "such as 1000"),
        ("017", "such as 1000"),
        ("0x10", "such as 1000"),
        ("1:30", "such as 1000"),
        (".inf", "such as 1000"),
        (".nan", "such as 1000"),
        ("-1e3", "such as 1000"),
        ("much", "such as 1000"),
        ("5k", "such as 1000"),
        ("1,000", "such as 1000"),  # in many countries that is 1
        ("1e9", "such as 1000"),
    ],
)
def test_a_number_that_is_not_digits_alone_is_helped(problems_of: Spoil, written: str, hint: str) -> None:
    (problem,) = problems_of(f"{SPEC}limits:\n  connections: {written}\n")
    assert (problem.code, problem.where) == ("wrong-type", "instances/benin.yaml:11:16")
    assert problem.hint.startswith("digits alone")
    assert hint in problem.hint


@pytest.mark.parametrize(
    ("languages", "code", "part"),
    [
        ("fr", "wrong-type", "must be a list"),
        ("[]", "out-of-range", "0 items"),
        ("[no]", "wrong-type", "reads no as false"),
        ("[fr, fr]", "repeated-value", "client.languages[1]"),
        ("[french]", "wrong-format", "language tag"),
    ],
)
def test_languages_are_a_list_of_tags(problems_of: Spoil, languages: str, code: str, part: str) -> None:
    problem = problems_of(SPEC.replace("  country", f"  languages: {languages}\n  country"))[0]
    assert problem.code == code
    assert part in problem.message


def test_all_problems_of_a_file_are_told_at_once_in_its_order(problems_of: Spoil) -> None:
    text = SPEC.replace("BJ", "XX").replace(": host\n", ": moon\n").replace("name: benin", "name: B", 1)
    codes = [problem.code for problem in problems_of(text + "sise: small\n")]
    assert codes == ["out-of-range", "unknown-country", "unknown-value", "unknown-key"]


def test_a_value_that_may_be_secret_is_never_repeated(problems_of: Spoil) -> None:
    text = SPEC + "settings: {API_TOKEN: hunter22, SMS_NUMBER: 4711471147, SMS_MODE: [hunter22]}\n"
    told = "".join(f"{problem.message} {problem.hint}" for problem in problems_of(text))
    assert "hunter22" not in told
    assert "4711471147" not in told


def test_a_private_key_as_recipient_is_not_repeated(problems_of: Spoil) -> None:
    secret = "AGE-SECRET-KEY-1" + "Q" * 58
    problem = problems_of(SPEC.replace("  country", f"  recipient_key: {secret}\n  country"))[0]
    assert problem.code == "secret-in-spec"
    assert secret not in f"{problem.message} {problem.hint}"


def test_a_setting_of_the_organisation_that_is_missing_is_told(folder: Path, problems_of: Spoil) -> None:
    profile = folder / "profiles" / "forms.yaml"
    profile.write_text(profile.read_text() + "  - {name: PORTAL, class: organisation}\n")
    problem = problems_of(SPEC)[0]
    assert (problem.code, problem.where) == ("missing-setting", "tenantry.yaml")
    assert "settings.PORTAL" in problem.message


def test_missing_settings_can_be_left_to_the_caller(folder: Path, workspace: Workspace) -> None:
    path = folder / "instances" / "benin.yaml"
    path.write_text(SPEC + 'settings: {SMS_MODE: "ON"}\n')
    spec = load_spec(path, workspace=workspace, complete=False)
    problems = missing_settings(load_profile("forms", workspace=workspace), spec, workspace)
    assert [(problem.code, problem.where) for problem in problems] == [
        ("missing-setting", "instances/benin.yaml")
    ]
    with pytest.raises(SpecError, match="SMS_NUMBER is missing"):
        load_spec(path, workspace=workspace)


def test_a_secret_in_the_workspaces_settings_is_told_and_not_repeated(folder: Path) -> None:
    settings_file = folder / "tenantry.yaml"
    settings_file.write_text(settings_file.read_text().replace("SENDER:", "API_TOKEN: hunter22, SENDER:"))
    with pytest.raises(SpecError) as caught:
        load_spec(folder / "instances" / "benin.yaml", workspace=load_workspace(folder))
    problem = caught.value.problems[0]
    assert (problem.code, problem.where) == ("misplaced-setting", "tenantry.yaml")
    assert "hunter22" not in f"{problem.message} {problem.hint}"


def test_the_problems_of_a_broken_profile_are_told(folder: Path, problems_of: Spoil) -> None:
    (folder / "profiles" / "forms.yaml").write_text("tenantry_profile: 1\nname: forms\n")
    assert {problem.where for problem in problems_of(SPEC)} == {"profiles/forms.yaml:1:1"}


def test_a_key_that_cannot_be_read_is_told(
    folder: Path, problems_of: Spoil, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("cert.pem", "key.pem"):
        (folder / "instances" / name).write_text("x")
    # Root may read everything, so the answer of the system is put in its place.
    monkeypatch.setattr(os, "access", lambda path, mode: path.name != "key.pem")
    problem = problems_of(SPEC + "tls: {mode: files, certificate_file: cert.pem, key_file: key.pem}\n")[0]
    assert (problem.code, problem.where) == ("unreadable", "instances/benin.yaml:10:58")


def test_two_specs_may_not_share_a_host_name(folder: Path, workspace: Workspace) -> None:
    other = SPEC.replace("name: benin", "name: togo", 1)
    (folder / "instances" / "togo.yaml").write_text(other)
    with pytest.raises(SpecError, match=r"which instances/benin.yaml has too") as caught:
        load_spec(folder / "instances" / "togo.yaml", workspace=workspace)
    assert caught.value.code == "duplicate-hostname"
    assert caught.value.where == "instances/togo.yaml:9:11"


def test_a_broken_spec_beside_it_does_not_spoil_a_sound_one(folder: Path, workspace: Workspace) -> None:
    (folder / "instances" / "togo.yaml").write_text("name: [benin.example.org")
    assert load_spec(folder / "instances" / "benin.yaml", workspace=workspace).name == "benin"


def test_what_is_listed_is_every_spec_and_no_file_of_an_editor(folder: Path, workspace: Workspace) -> None:
    for name in ("togo.yaml", "chad.yml", ".hidden.yaml", ".benin.yaml", "benin.yaml~"):
        (folder / "instances" / name).write_text("name: [")
    assert spec_names(workspace) == ["benin", "togo"]
    assert [(one.code, one.where) for one in misnamed(workspace)] == [
        ("wrong-extension", "instances/chad.yml")
    ]


def test_a_workspace_without_specs_has_none(folder: Path, workspace: Workspace) -> None:
    (folder / "instances" / "benin.yaml").unlink()
    (folder / "instances").rmdir()
    assert spec_names(workspace) == []


def test_a_path_outside_the_workspace_is_shown_as_it_was_given(
    workspace: Workspace, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("else") / "benin.yaml"
    path.write_text("name: [")
    with pytest.raises(SpecError) as caught:
        load_spec(path, workspace=workspace)
    assert caught.value.where.startswith(f"{path}:")


def test_an_answer_to_a_prompt_is_checked_alone() -> None:
    assert field_problem("client.country", "BJ") is None
    assert field_problem("client.languages", "pt-BR") is None
    problem = field_problem("client.country", "Benin")
    assert problem is not None
    assert (problem.code, problem.where) == ("unknown-country", "")


def test_a_prompt_for_a_key_that_does_not_exist_is_a_defect() -> None:
    with pytest.raises(DefectError):
        field_problem("client.planet", "x")


def test_the_digest_changes_with_what_is_asked_for_and_with_nothing_else(
    folder: Path, workspace: Workspace
) -> None:
    spec = load_spec(folder / "instances" / "benin.yaml", workspace=workspace)
    profile = load_profile("forms", workspace=workspace)
    digest = spec_digest(spec, profile)
    assert digest == spec_digest(dataclasses.replace(spec, where="elsewhere.yaml"), profile)
    assert digest != spec_digest(dataclasses.replace(spec, log_retention_days=91), profile)
    assert digest != spec_digest(spec, dataclasses.replace(profile, version="2"))
    assert digest != spec_digest(dataclasses.replace(spec, settings={"SMS_MODE": "ON"}), profile)


def test_the_digest_holds_no_sensitive_value(folder: Path, workspace: Workspace) -> None:
    spec = load_spec(folder / "instances" / "benin.yaml", workspace=workspace)
    profile = load_profile("forms", workspace=workspace)
    one, other = (dataclasses.replace(spec, settings={"BIRTH_DATE": date}) for date in ("a", "b"))
    assert spec_digest(one, profile) == spec_digest(other, profile)
    assert spec_digest(one, profile) != spec_digest(spec, profile)


def test_the_digest_is_the_same_in_every_process(folder: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from tenantry.config.spec import load_spec, spec_digest\n"
        "from tenantry.config.profile import load_profile\n"
        "from tenantry.config.workspace import load_workspace\n"
        "workspace = load_workspace(Path(sys.argv[1]))\n"
        "spec = load_spec(workspace.specs / 'benin.yaml', workspace=workspace)\n"
        "print(spec_digest(spec, load_profile('forms', workspace=workspace)))\n"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program, str(folder)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=Path(__file__).parents[3],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def refusal_of(text: str, workspace: Workspace) -> SpecError | None:
    try:
        parse_spec(text.encode(), path=workspace.specs / "benin.yaml", workspace=workspace)
    except SpecError as error:
        return error
    return None


YAML_ISH = st.text(alphabet=st.sampled_from(" \n:-[]{}#&*!|>'\"abz019.,é\\~"), max_size=40)


@settings(
    deadline=None,
    database=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.integers(min_value=0, max_value=len(SPEC)), st.integers(min_value=0, max_value=30), YAML_ISH)
def test_no_damage_to_a_spec_raises_anything_but_a_spec_error(
    workspace: Workspace, start: int, length: int, text: str
) -> None:
    damaged = SPEC[:start] + text + SPEC[start + length :]
    error = refusal_of(damaged, workspace)
    told = error.problems if error else ()
    assert all(problem.message and problem.where for problem in told)
    assert told or not error


def test_the_configuration_is_read_without_heavy_imports() -> None:
    program = (
        "import sys, tenantry.config.spec, tenantry.config.schema, tenantry.config.template\n"
        "heavy = {'pydantic', 'pulumi', 'sqlalchemy', 'cryptography', 'rich', 'typer'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
    )
    assert ran.stdout.strip() == "[]"


def test_a_workspace_is_loaded_anew_every_time(folder: Path) -> None:
    assert load_workspace(folder) == load_workspace(folder)
