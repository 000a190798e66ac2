from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from pathlib import Path

import pytest

from tenantry.config import workspace as module
from tenantry.config.azure import VAULTS
from tenantry.config.workspace import default_master_key_file, load_workspace, on_tmpfs
from tenantry.errors import Problem, SpecError
from tenantry.model.spec import AtOnce, CloudName, CredentialKind, TeamState
from tenantry.targets.azure.clouds import CLOUDS

SOUND = "tenantry: 1\norganisation: {name: Example Aid, contact: ops@example.org}\n"


def problems_of(folder: Path, more: str) -> Sequence[Problem]:
    (folder / "tenantry.yaml").write_text(SOUND + more)
    with pytest.raises(SpecError) as caught:
        load_workspace(folder)
    return caught.value.problems


def test_a_folder_without_settings_is_no_workspace(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"has no tenantry\.yaml") as caught:
        load_workspace(tmp_path)
    assert (caught.value.code, caught.value.exit_code) == ("no-workspace", 65)
    assert "tenantry init" in caught.value.hint


def test_every_key_is_read(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "tenantry.yaml").write_text(
        SOUND
        + """\
host:
  name: host-1
  root: data
  runtime: /dev/shm/tn
  bind: 127.0.0.2
  https_port: 8443
  http_port: 8080
  uid_base: 300000
  port_base: 30000
  acme_directory: https://acme.example.org/directory
  acme_email: certs@example.org
  acme_ca_file: ca.pem
register: sqlite:///register.db
master_key_file: /etc/other.key
settings: {SENDER: Example}
profiles: [more]
"""
    )
    workspace = load_workspace(tmp_path)
    host = workspace.host
    assert (host.root, host.runtime, host.bind) == (tmp_path / "data", Path("/dev/shm/tn"), "127.0.0.2")
    assert (host.https_port, host.http_port, host.uid_base, host.port_base) == (8443, 8080, 300000, 30000)
    assert (host.acme_email, host.acme_ca_file) == ("certs@example.org", tmp_path / "ca.pem")
    assert workspace.host_name == "host-1"
    assert workspace.register_url == f"sqlite:///{tmp_path}/register.db"
    assert workspace.master_key_file == Path("/etc/other.key")
    assert (workspace.settings, workspace.profile_folders) == ({"SENDER": "Example"}, (tmp_path / "more",))


def test_what_is_left_out_suits_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(module, "on_tmpfs", lambda path: path.is_relative_to("/run"))
    monkeypatch.setattr(socket, "gethostname", lambda: "Host-7.example.org")
    (tmp_path / "tenantry.yaml").write_text(SOUND)
    workspace = load_workspace(tmp_path)
    assert (workspace.host.root, workspace.host.runtime) == (Path("/var/lib/tenantry"), Path("/run/tenantry"))
    assert workspace.master_key_file == Path("/etc/tenantry/master.key")
    assert workspace.register_url == f"sqlite:///{tmp_path}/.tenantry/register.db"
    assert workspace.host_name == "host-7"


def test_what_is_left_out_suits_another_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(module, "on_tmpfs", lambda path: path.is_relative_to("/run/user"))
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1000")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    (tmp_path / "tenantry.yaml").write_text(SOUND)
    workspace = load_workspace(tmp_path)
    assert workspace.host.root == Path("/home/someone/.local/share/tenantry")
    assert workspace.host.runtime == Path("/run/user/1000/tenantry")
    assert default_master_key_file() == Path("/home/someone/.config/tenantry/master.key")


def test_secrets_go_to_dev_shm_where_run_is_a_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(module, "on_tmpfs", lambda path: path.is_relative_to("/dev/shm"))
    (tmp_path / "tenantry.yaml").write_text(SOUND)
    assert load_workspace(tmp_path).host.runtime == Path("/dev/shm/tenantry-0")


def test_a_machine_without_tmpfs_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "on_tmpfs", lambda _: False)
    assert problems_of(tmp_path, "")[0].code == "no-tmpfs"


@pytest.mark.parametrize(
    ("more", "code", "where", "part"),
    [
        ("hosts: {}", "unknown-key", ":3:1", "hosts is not known"),
        ("host: {runtime: /var/lib/x}", "not-tmpfs", ":3:17", "would reach a disk"),
        (f"host: {{runtime: /dev/shm/{'x' * 70}}}", "out-of-range", ":3:17", "too long for a Unix socket"),
        ("host: {runtime: /dev/shm/a, root: /dev/shm/a/b}", "out-of-range", ":3:17", "inside each other"),
        ("host: {bind: localhost}", "wrong-format", ":3:14", "an IP address"),
        ("host: {https_port: 70000}", "out-of-range", ":3:20", "1 to 65535"),
        ('host: {https_port: "8443"}', "wrong-type", ":3:20", "whole number"),
        ("host: {https_port: 8443, http_port: 8443}", "out-of-range", ":3:37", "same as host.https_port"),
        ("host: {uid_base: 0}", "out-of-range", ":3:18", "1000 to"),
        ("host: {name: Host_1}", "wrong-format", ":3:14", "letters a-z"),
        ("host: {acme_directory: 'http://x/d'}", "wrong-format", ":3:24", "https://"),
        ("register: mysql://x/y", "wrong-format", ":3:11", "SQLite"),
        ("settings: {A_B: 5}", "wrong-type", ":3:17", "reads the value as a whole number"),
        ("profiles: [nothing-here]", "no-folder", ":3:12", "no folder"),
    ],
)
def test_a_wrong_setting_is_told_where_it_stands(
    tmp_path: Path, more: str, code: str, where: str, part: str
) -> None:
    problem = problems_of(tmp_path, more + "\n")[0]
    assert (problem.code, problem.where) == (code, f"tenantry.yaml{where}")
    assert part in problem.message


def test_a_password_in_the_registers_url_is_not_repeated(tmp_path: Path) -> None:
    problem = problems_of(tmp_path, "register: postgres://u:hunter22@h/db\n")[0]
    assert "hunter22" not in f"{problem.message} {problem.hint}"


def test_a_file_system_in_memory_is_told_from_a_disk(tmp_path: Path) -> None:
    assert on_tmpfs(Path("/dev/shm/not/there/yet"))
    assert not on_tmpfs(Path("/usr/lib"))


def test_a_link_from_memory_to_a_disk_is_a_disk(tmp_path: Path) -> None:
    link = Path("/dev/shm") / f"tenantry-test-link-{os.getpid()}"
    link.symlink_to("/usr/lib")
    try:
        assert not on_tmpfs(link / "x")
    finally:
        link.unlink()


_PATH = "/keys/engine/0123456789abcdef0123456789abcdef"
_KEY = f"https://kv-team.vault.abc123.sandbox.test{_PATH}"


def test_a_teams_place_for_the_state_is_read(tmp_path: Path) -> None:
    state = f"{{account: stteam, container: fleet-state, key: '{_KEY}'}}"
    (tmp_path / "tenantry.yaml").write_text(SOUND + f"azure: {{cloud: sandbox, state: {state}}}\n")
    azure = load_workspace(tmp_path).azure
    assert azure is not None
    assert azure.state == TeamState(account="stteam", container="fleet-state", key=_KEY)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", AtOnce(subscription=8, region=4)),
        (", at_once: {region: 2}", AtOnce(subscription=8, region=2)),
        (", at_once: {subscription: 20, region: 20}", AtOnce(subscription=20, region=20)),
    ],
)
def test_how_many_are_deployed_at_once_is_read(tmp_path: Path, text: str, found: AtOnce) -> None:
    (tmp_path / "tenantry.yaml").write_text(SOUND + f"azure: {{cloud: sandbox{text}}}\n")
    azure = load_workspace(tmp_path).azure
    assert azure is not None
    assert azure.at_once == found


@pytest.mark.parametrize(
    ("text", "message", "column"),
    [
        ("{region: 0}", "azure.at_once.region is 0; 1 to 64 are allowed", 43),
        ("{regions: 4}", "regions is not known in azure.at_once", 35),
        ("{region: 9}", "allows 9 in a region, and 8 in its whole subscription", 43),
        ("{subscription: 3}", "allows 4 in a region, and 3 in its whole subscription", 49),
    ],
)
def test_numbers_at_once_that_make_no_sense_are_refused_with_their_place(
    tmp_path: Path, text: str, message: str, column: int
) -> None:
    (problem,) = problems_of(tmp_path, f"azure: {{cloud: sandbox, at_once: {text}}}\n")
    assert message in problem.message
    assert problem.where == f"tenantry.yaml:3:{column}"


_GUID = "00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize(
    ("cloud", "host"),
    [
        ("public", "kv-team.vault.azure.cn"),
        ("public", "kv-team.vault.azure.net.example.org"),
        ("public", "kv-team.vault.example.org"),
        ("government", "kv-team.vault.azure.net"),
        ("china", "kv-team.vault.usgovcloudapi.net"),
        ("sandbox", "kv-team.vault.azure.net"),
    ],
)
def test_a_key_in_a_vault_of_another_cloud_is_refused_at_its_place(
    tmp_path: Path, cloud: str, host: str
) -> None:
    text = _state(cloud, host)
    (problem,) = problems_of(tmp_path, text)
    column = text.index("'https") + 1
    assert (problem.code, problem.where) == ("other-cloud", f"tenantry.yaml:3:{column}")
    assert host in problem.message


@pytest.mark.parametrize(
    ("cloud", "host"),
    [
        ("public", "kv-team.vault.azure.net"),
        ("government", "kv-team.vault.usgovcloudapi.net"),
        ("china", "kv-team.vault.azure.cn"),
    ],
)
def test_a_key_in_a_vault_of_the_cloud_is_taken(tmp_path: Path, cloud: str, host: str) -> None:
    (tmp_path / "tenantry.yaml").write_text(SOUND + _state(cloud, host))
    assert load_workspace(tmp_path).azure is not None


def _state(cloud: str, host: str) -> str:
    ids = "" if cloud == "sandbox" else f"subscription: {_GUID}, directory: {_GUID}, "
    state = f"{{account: stteam, container: state, key: 'https://{host}{_PATH}'}}"
    return f"azure: {{cloud: {cloud}, {ids}state: {state}}}\n"


def test_the_vaults_that_are_known_are_those_of_every_cloud() -> None:
    assert {name: cloud.vault_suffix for name, cloud in CLOUDS.items()} == {
        name: suffix for name, suffix in VAULTS.items() if name is not CloudName.SANDBOX
    }


def test_a_teams_place_for_the_state_is_whole_or_not_there(tmp_path: Path) -> None:
    problems = problems_of(tmp_path, "azure: {cloud: sandbox, state: {account: stteam}}\n")
    assert [one.code for one in problems] == ["missing-key", "missing-key"]
    assert {one.message for one in problems} == {
        "azure.state.container is missing",
        "azure.state.key is missing",
    }


@pytest.mark.parametrize(
    "key",
    [
        "https://kv-team.vault.azure.net/keys/engine",
        "https://kv-team.managedhsm.azure.net/keys/engine/0123456789abcdef0123456789abcdef",
        "azurekeyvault://kv-team.vault.azure.net/keys/engine/0123456789abcdef0123456789abcdef",
    ],
    ids=["no version", "managed HSM", "the engine's own words"],
)
def test_a_key_that_the_engine_could_not_use_for_good_is_refused(tmp_path: Path, key: str) -> None:
    state = f"{{account: stteam, container: state, key: '{key}'}}"
    (problem,) = problems_of(tmp_path, f"azure: {{cloud: sandbox, state: {state}}}\n")
    assert "az keyvault key show" in problem.hint


@pytest.mark.parametrize(
    ("named", "kind", "where"),
    [
        ("", CredentialKind.SECRET, ""),
        (", credential: managed-identity", CredentialKind.MANAGED_IDENTITY, ":3:37"),
        (", certificate_file: mine.pem", CredentialKind.CERTIFICATE, ":3:43"),
        (", credential: workload-identity", CredentialKind.WORKLOAD_IDENTITY, ":3:37"),
    ],
)
def test_the_sandbox_is_worked_on_with_the_credential_that_is_named_or_its_secret(
    tmp_path: Path, named: str, kind: CredentialKind, where: str
) -> None:
    (tmp_path / "tenantry.yaml").write_text(SOUND + f"azure: {{cloud: sandbox{named}}}\n")
    azure = load_workspace(tmp_path).azure
    assert azure is not None
    assert (azure.credential, azure.credential_where) == (kind, f"tenantry.yaml{where}")


@pytest.mark.parametrize("key", ["subscription", "directory", "client_id"])
def test_who_and_where_is_the_sandboxs_own(tmp_path: Path, key: str) -> None:
    (problem,) = problems_of(tmp_path, f"azure: {{cloud: sandbox, {key}: {_GUID}}}\n")
    assert (problem.code, problem.where[:15]) == ("misplaced-key", "tenantry.yaml:3")
