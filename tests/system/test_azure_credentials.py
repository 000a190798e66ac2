"""Each kind of credential through the installed command line: as whom it acts, and what is told of a bad one.

The sandbox tells how many requests each principal made, and its activity log who changed what.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.azure_cli import AzureCli
from tests.support.azure_fleet import Fleet

_LOG = "/providers/Microsoft.Insights/eventtypes/management/values"
_APPLICATION, _MACHINE = "object_id", "identity_object_id"


@pytest.fixture(autouse=True)
def settings_again(fleet: Fleet) -> Iterator[None]:
    """The workspace has its first settings again after each test."""
    file = fleet.workspace / "tenantry.yaml"
    before = file.read_text()
    yield
    file.write_text(before)


@pytest.fixture(scope="module")
def kenya(fleet: Fleet) -> str:
    """An instance with a spec alone."""
    fleet.new("kenya")
    return "kenya"


def _work_as(fleet: Fleet, credential: str, **more: object) -> None:
    """Let the workspace name a credential."""
    file = fleet.workspace / "tenantry.yaml"
    named = "".join(f", {name}: {value}" for name, value in {"credential": credential, **more}.items())
    file.write_text(file.read_text().replace("cloud: sandbox", f"cloud: sandbox{named}"))


def _machine(fleet: Fleet) -> Mapping[str, str]:
    """The variables that App Service gives a program."""
    told = fleet.sandbox.told
    header = Path(told["identity_header_file"]).read_text().strip()
    return {"IDENTITY_ENDPOINT": told["identity_endpoint"], "IDENTITY_HEADER": header}


def _callers(fleet: Fleet) -> dict[str, int]:
    found: dict[str, int] = fleet.sandbox.command("status")["callers"]
    return found


def _acted(fleet: Fleet, *command: str, environment: Mapping[str, str] | None = None) -> set[str]:
    """Run a command; return the object ids of the principals that asked the cloud for something."""
    before = _callers(fleet)
    fleet.run(*command, environment=environment)
    return {who for who, number in _callers(fleet).items() if number > before.get(who, 0)}


def _problem(fleet: Fleet, *command: str, environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Run a command that gets no token; return the problem that it tells."""
    (found,) = fleet.run(*command, expect=69, environment=environment)["problems"]
    return dict(found)


@pytest.mark.parametrize("credential", ["certificate", "workload-identity"])
def test_preflight_acts_as_the_application_by_either_proof(fleet: Fleet, kenya: str, credential: str) -> None:
    _work_as(fleet, credential)
    assert _acted(fleet, "instance", "preview", kenya) == {fleet.sandbox.told[_APPLICATION]}


def test_preflight_deployment_and_observation_act_as_the_machines_identity_alone(
    fleet: Fleet, kenya: str
) -> None:
    _work_as(fleet, "managed-identity")
    machine, me = _machine(fleet), {fleet.sandbox.told[_MACHINE]}
    for command in ("preview", "deploy", "health", "drift"):
        assert _acted(fleet, "instance", command, kenya, environment=machine) == me
    log = f"{fleet.sandbox.subscription}{_LOG}"
    written = [one["caller"] for one in fleet.sandbox.arm().list(log, "2015-04-01")]
    assert len(written) > 20
    assert set(written) == me


# --- what is told of a bad one ---


def test_a_machine_without_an_identity_is_told(fleet: Fleet, kenya: str) -> None:
    _work_as(fleet, "managed-identity")
    problem = _problem(
        *(fleet, "instance", "preview", kenya),
        environment={**_machine(fleet), "IDENTITY_HEADER": "guessed"},
    )
    assert (problem["code"], problem["where"]) == ("no-token", "tenantry.yaml:3:37")
    assert "azure.client_id" in problem["hint"]
    assert "guessed" not in str(problem)


@pytest.mark.parametrize(
    ("credential", "key"),
    [
        ("secret", "client_secret_file"),
        ("certificate", "certificate_file"),
        ("workload-identity", "token_file"),
    ],
)
def test_a_file_that_is_gone_is_told_by_its_key_and_place(
    fleet: Fleet, kenya: str, credential: str, key: str
) -> None:
    _work_as(fleet, credential, **{key: "gone"})
    problem = _problem(fleet, "instance", "preview", kenya)
    assert problem["code"] == "no-credential-file"
    assert f"azure.{key}" in problem["message"]
    assert problem["where"].startswith("tenantry.yaml:3:")


def test_a_secret_that_the_application_does_not_have_is_told_without_it(fleet: Fleet, kenya: str) -> None:
    secret = fleet.workspace / "secret"
    secret.touch(mode=0o600)
    secret.write_text("hunter2-hunter2")
    _work_as(fleet, "secret", client_secret_file="secret")
    problem = _problem(fleet, "instance", "preview", kenya)
    assert "AADSTS7000215" in problem["message"]
    assert "az ad app credential reset" in problem["hint"]
    assert problem["where"].startswith("tenantry.yaml:3:")
    assert "hunter2" not in str(problem)


def _pem(folder: Path, *options: str) -> Path:
    """A certificate and its key in one file."""
    file = folder / "mine.pem"
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-subj", "/CN=mine", "-days", "2", *options]
    where = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*new, *where], check=True, capture_output=True, timeout=60)
    file.touch(mode=0o600)
    file.write_bytes(key.read_bytes() + certificate.read_bytes())
    return file


def test_a_certificate_that_the_application_does_not_have_is_told(
    fleet: Fleet, kenya: str, tmp_path: Path
) -> None:
    _work_as(fleet, "certificate", certificate_file=_pem(tmp_path, "-nodes"))
    problem = _problem(fleet, "instance", "preview", kenya)
    assert "AADSTS700027" in problem["message"]
    assert "--cert" in problem["hint"]


def test_a_certificate_whose_key_has_a_password_is_refused(fleet: Fleet, kenya: str, tmp_path: Path) -> None:
    _work_as(fleet, "certificate", certificate_file=_pem(tmp_path, "-passout", "pass:hunter2"))
    (problem,) = fleet.run("instance", "preview", kenya, expect=65)["problems"]
    assert problem["code"] == "credential-file-malformed"
    assert "openssl pkey" in problem["hint"]
    assert problem["where"].startswith("tenantry.yaml:3:")


def test_who_is_not_logged_in_with_the_azure_cli_is_told(fleet: Fleet, kenya: str, tmp_path: Path) -> None:
    _work_as(fleet, "cli")
    problem = _problem(fleet, "instance", "preview", kenya, environment={"PATH": str(tmp_path)})
    assert (problem["code"], problem["where"]) == ("no-token", "tenantry.yaml:3:37")
    assert "az login" in problem["hint"]


def _az(fleet: Fleet, folder: Path) -> Path:
    """Put a program in place of ``az`` that has tokens of Resource Manager; return the list of its starts."""
    found = fleet.sandbox.credential().get_token(fleet.sandbox.scope)
    answer, starts, program = folder / "token.json", folder / "starts", folder / "az"
    answer.touch(mode=0o600)
    answer.write_text(json.dumps({"accessToken": found.token, "expires_on": found.expires_on}))
    resource = fleet.sandbox.scope.removesuffix("/.default")
    known = f'case "$* " in *" {resource} "*) exec cat {answer};; esac'
    program.write_text(f'#!/bin/sh\necho "$*" >> {starts}\n{known}\nexit 1\n')
    program.chmod(0o755)
    return starts


def test_a_command_starts_the_azure_cli_once_for_a_service(fleet: Fleet, kenya: str, tmp_path: Path) -> None:
    starts = _az(fleet, tmp_path)
    _work_as(fleet, "cli")
    path = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    acted = _acted(fleet, "instance", "preview", kenya, environment=path)
    assert acted == {fleet.sandbox.told[_APPLICATION]}
    assert len(starts.read_text().splitlines()) == 1


# --- by the cloud's clock; last, because it does not go back ---


def test_a_token_that_ended_is_told_and_the_renewed_one_is_taken(
    fleet: Fleet, kenya: str, tmp_path: Path
) -> None:
    old = tmp_path / "token"
    old.write_text(Path(fleet.sandbox.told["token_file"]).read_text() + "\n")
    _work_as(fleet, "workload-identity", token_file=old)
    assert fleet.run("instance", "preview", kenya)["problems"] == []
    fleet.sandbox.faults("time", "+2h")
    problem = _problem(fleet, "instance", "preview", kenya)
    assert "AADSTS700024" in problem["message"]
    assert "written anew" in problem["hint"]
    assert problem["where"].startswith("tenantry.yaml:3:")


@pytest.mark.soak
@pytest.mark.xdist_group("azure-cli")
def test_with_the_azure_clis_login_preflight_and_observation_act_as_who_logged_in(
    fleet: Fleet, kenya: str, tmp_path: Path
) -> None:
    az = AzureCli(fleet.sandbox, tmp_path)
    az.sign_in()
    login = {name: value for name, value in az.environment.items() if name != "HOME"}  # the engine's tools
    _work_as(fleet, "cli")
    for command in ("deploy", "health"):
        acted = _acted(fleet, "instance", command, kenya, environment=login)
        assert acted == {fleet.sandbox.told[_APPLICATION]}
