"""What is wrong with an input is told with its place, by the right exit code, and nothing is changed."""

from __future__ import annotations

import os
import re
import shutil
import socket
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tenantry.adapters.master_key import create_master_key
from tenantry.cli.app import app
from tenantry.cli.run import main_guard
from tenantry.config import workspace as workspace_module
from tests.unit.cli.conftest import SPEC, SPECS, Run
from tests.unit.cli.support import BOMB, COMMANDS, PLACE, no_effect

pytestmark = pytest.mark.usefixtures("nothing_asked")

BAD_SPECS = {
    "broken": (SPEC + "size: [small\n", "yaml"),
    "duplicate-key": (SPEC + "size: small\nsize: large\n", "second time"),
    "unknown-key": (SPEC.replace("hostname:", "hostnme:"), "hostname"),
    "wrong-type": (SPEC + "limits: {memory_mib: much}\n", "memory_mib"),
    "wrong-unit": (SPEC + "limits: {memory_mib: 2 GiB}\n", "memory_mib"),
    "anchors": (SPEC + "a0: &a0 [x]\n" + BOMB, "alias|anchor"),
    "country": (SPEC.replace("BJ", "XX"), "XX"),
    "look-alike": (SPEC.replace("name: benin", "name: b\u0435nin"), "CYRILLIC"),
}
BAD_NAMES = {
    "too-long": "b" * 41,
    "upper-case": "Benin",
    "reserved": "localhost",
    "path": "../x",
    "look-alike": "b\u0435nin",
    "option-like": "b--n",
}
BOTH = pytest.mark.parametrize("target", ["host", "azure"])


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("what", BAD_SPECS)
@BOTH
def test_a_bad_spec_is_refused_at_its_place(
    ready: Run, workspace: Path, command: list[str], what: str, target: str
) -> None:
    text, told = BAD_SPECS[what]
    (workspace / "instances" / "benin.yaml").write_text(text.replace("target: host", f"target: {target}"))
    with no_effect(workspace):
        code, answer = ready(*command, "benin")
    first = answer["problems"][0]
    assert (code, answer["status"]) == (65, "error")
    assert PLACE.fullmatch(first["where"])
    assert re.search(told, first["message"] + first["hint"], re.IGNORECASE)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize(
    ("data", "told"),
    [
        (SPEC.encode().replace(b"Red", b"R\xe9d"), "UTF-8"),
        (SPEC.encode() + b"# " + b"x" * 10_000_000, "larg"),
    ],
    ids=["latin-1", "10 MB"],
)
def test_a_file_that_is_no_text_of_a_sane_size_is_refused(
    ready: Run, workspace: Path, command: list[str], data: bytes, told: str
) -> None:
    (workspace / "instances" / "benin.yaml").write_bytes(data)
    with no_effect(workspace):
        code, answer = ready(*command, "benin")
    assert (code, answer["problems"][0]["where"].split(":")[0]) == (65, "instances/benin.yaml")
    assert told in answer["problems"][0]["message"]


@pytest.mark.parametrize("command", [*COMMANDS, ["instance", "new"], ["credentials", "set"]], ids=" ".join)
@pytest.mark.parametrize("name", BAD_NAMES.values(), ids=BAD_NAMES)
def test_a_bad_name_is_refused(ready: Run, workspace: Path, command: list[str], name: str) -> None:
    (workspace / "x.yaml").write_text(SPEC)  # what ../x would reach
    with no_effect(workspace):
        code, answer = ready(*command, name, *(["SECRET"] if command[0] == "credentials" else []))
    assert (code, answer["problems"][0]["code"].split("-")[0]) == (65, "name")


def test_a_new_spec_that_would_be_wrong_is_not_written(ready: Run, workspace: Path) -> None:
    options = ["--client", "Red Cross", "--country", "XX", "--contact", "nobody"]
    options += ["--hostname", "no host", "--profile", "registrations"]
    with no_effect(workspace):
        code, answer = ready("instance", "new", "benin", *options)
    told = [one["message"].split()[0] for one in answer["problems"]]
    assert (code, told) == (65, ["client.country", "client.contact", "hostname"])


def test_a_new_spec_of_an_unknown_profile_is_not_written(ready: Run, workspace: Path) -> None:
    options = ["--client", "Red Cross", "--country", "BJ", "--contact", "it@example.org"]
    options += ["--hostname", "benin.example.org", "--profile", "registratons"]
    with no_effect(workspace):
        code, answer = ready("instance", "new", "benin", *options)
    assert (code, answer["problems"][0]["hint"]) == (65, "did you mean registrations?")


def test_all_that_is_wrong_is_told_at_once(ready: Run, workspace: Path) -> None:
    spec = SPEC.replace("registrations", "121-platform")
    (workspace / "instances" / "benin.yaml").write_text(spec)
    code, answer = ready("spec", "validate", "benin")
    messages = " ".join(one["message"] for one in answer["problems"])
    assert code == 65
    for service in ("cache", "blobs", "portal", "email"):
        assert f"needs {service}, which a host does not offer" in messages
    assert {"missing-setting", "feature-not-offered"} <= {one["code"] for one in answer["problems"]}


@pytest.fixture
def target() -> str:
    """Where the instance of the sound spec is to live; tests of both say so."""
    return "host"


@pytest.fixture
def sound(ready: Run, workspace: Path, target: str) -> Run:
    """A workspace with one sound spec."""
    (workspace / "instances" / "benin.yaml").write_text(SPECS[target])
    return ready


def _refused(run: Run, workspace: Path, *, code: int, kind: str, told: str) -> None:
    with no_effect(workspace):
        exit_code, answer = run("instance", "deploy", "benin")
    first = answer["problems"][0]
    assert (exit_code, first["code"], answer["data"]) == (code, kind, {})
    assert told in first["message"]
    assert first["hint"]


@BOTH
def test_a_master_key_that_is_absent_stops_a_deploy(sound: Run, workspace: Path) -> None:
    (workspace / "master.key").unlink()
    _refused(sound, workspace, code=69, kind="master-key-absent", told="master.key")


@BOTH
def test_a_master_key_that_others_may_read_stops_a_deploy(sound: Run, workspace: Path) -> None:
    (workspace / "master.key").chmod(0o640)
    _refused(sound, workspace, code=77, kind="master-key-open", told="other users")


@BOTH
def test_a_master_key_that_is_no_file_stops_a_deploy_at_once(sound: Run, workspace: Path) -> None:
    (workspace / "master.key").unlink()
    os.mkfifo(workspace / "master.key", 0o600)  # opened without care, it waits for a writer for ever
    _refused(sound, workspace, code=69, kind="master-key-unreadable", told="it is not a file")


@BOTH
def test_another_master_key_stops_a_deploy_of_any_instance(
    sound: Run, workspace: Path, tmp_path: Path, target: str
) -> None:
    value = tmp_path / "value"
    value.write_text("a token of the client's")
    spec = SPECS[target].replace("benin", "togo")
    (workspace / "instances" / "togo.yaml").write_text(spec)
    code, answer = sound("credentials", "set", "togo", "SMS_TOKEN", "--file", str(value))
    assert code == 0, answer
    (workspace / "master.key").unlink()
    create_master_key(workspace / "master.key")
    _refused(sound, workspace, code=69, kind="master-key-wrong", told="does not open")


@pytest.mark.parametrize("key", ["https_port", "http_port"])
def test_a_port_of_the_proxy_that_is_taken_stops_a_deploy(sound: Run, workspace: Path, key: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        file = workspace / "tenantry.yaml"
        file.write_text(re.sub(rf"{key}: \d+", f"{key}: {port}", file.read_text()))
        _refused(sound, workspace, code=69, kind="port-taken", told=f"port {port} (host.{key})")


def test_a_port_of_an_instance_that_is_taken_meanwhile_stops_a_deploy(
    sound: Run, workspace: Path, tmp_path: Path
) -> None:
    value = tmp_path / "value"
    value.write_text("a token of the client's")
    assert sound("credentials", "set", "benin", "SMS_TOKEN", "--file", str(value))[0] == 0
    with closing(sqlite3.connect(workspace / ".tenantry" / "register.db")) as register:
        port = register.execute("select port from ports where label = 'database'").fetchone()[0]
    with socket.create_server(("127.0.0.1", port)):
        _refused(sound, workspace, code=69, kind="port-taken", told=f"port {port} (database of benin)")


@BOTH
def test_an_engine_of_another_version_stops_a_deploy(
    sound: Run, workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = tmp_path / "bin" / "pulumi"
    engine.parent.mkdir()
    engine.write_text("#!/bin/sh\necho v3.1.0\n")
    engine.chmod(0o755)
    monkeypatch.setenv("PATH", f"{engine.parent}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    _refused(sound, workspace, code=69, kind="missing-engine", told="the one on PATH is 3.1.0")


@BOTH
def test_no_engine_at_all_stops_a_deploy(
    sound: Run, workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    _refused(sound, workspace, code=69, kind="missing-engine", told="is not installed")


@pytest.mark.parametrize("program", ["s6-svscan", "caddy", "pgbackrest", "restic"])
def test_a_missing_program_stops_a_deploy(
    sound: Run, workspace: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    looked_up = shutil.which

    def which(name: str, path: str | None = None) -> str | None:
        return None if name == program else looked_up(name, path=path)

    monkeypatch.setattr(shutil, "which", which)
    _refused(sound, workspace, code=69, kind="missing-program", told=f"{program} is not installed")


@BOTH
def test_a_corrupt_register_is_told(sound: Run, workspace: Path) -> None:
    register = workspace / ".tenantry" / "register.db"
    for log in register.parent.glob("register.db-*"):  # a log that is still there would mend the file
        log.unlink()
    register.write_bytes(b"SQLite format 3\0" + bytes(range(1, 256)) * 32)
    _refused(sound, workspace, code=69, kind="register-corrupt", told="register.db")


@BOTH
def test_a_register_of_a_newer_schema_is_told(sound: Run, workspace: Path) -> None:
    with closing(sqlite3.connect(workspace / ".tenantry" / "register.db")) as register:
        register.execute("UPDATE alembic_version SET version_num = '9999'")
        register.commit()
    _refused(sound, workspace, code=69, kind="register-newer", told="newer")


def test_a_register_that_stays_locked_is_busy(sound: Run, workspace: Path) -> None:
    with closing(sqlite3.connect(workspace / ".tenantry" / "register.db", isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        exit_code, answer = sound("instance", "deploy", "benin")
        holder.execute("ROLLBACK")
    assert (exit_code, answer["problems"][0]["code"]) == (75, "register-locked")
    assert not (workspace.parent / "workspace-host").exists()


def _as_folder(path: Path) -> None:
    path.mkdir()


def _as_link(path: Path) -> None:
    path.symlink_to("elsewhere.yaml")


def _as_pipe(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize(
    ("make", "part"), [(_as_folder, "is no file"), (_as_link, "elsewhere.yaml"), (_as_pipe, "is no file")]
)
def test_a_spec_that_is_no_file_is_told_as_that(
    ready: Run, workspace: Path, command: list[str], make: Callable[[Path], None], part: str
) -> None:
    make(workspace / "instances" / "benin.yaml")
    with no_effect(workspace):
        code, answer = ready(*command, "benin")
    first = answer["problems"][0]
    assert (code, first["code"]) == (65, "unreadable")
    assert part in first["message"]
    assert "move away" in first["hint"]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_spec_that_ends_in_yml_is_told_when_its_instance_is_named(
    ready: Run, workspace: Path, command: list[str]
) -> None:
    (workspace / "instances" / "benin.yml").write_text(SPEC)
    with no_effect(workspace):
        code, answer = ready(*command, "benin")
    first = answer["problems"][0]
    assert (code, first["code"], first["hint"]) == (65, "wrong-extension", "rename it to benin.yaml")


def test_a_file_that_only_looks_like_a_spec_is_told_when_all_are_checked(sound: Run, workspace: Path) -> None:
    (workspace / "instances" / "togo.yml").write_text(SPEC.replace("benin", "togo"))
    code, answer = sound("spec", "validate")
    assert code == 65
    assert [(one["code"], one["where"]) for one in answer["problems"]] == [
        ("wrong-extension", "instances/togo.yml")
    ]
    assert sound("spec", "validate", "benin")[0] == 0


def test_a_settings_file_that_is_a_folder_is_told_with_what_to_do(ready: Run, workspace: Path) -> None:
    (workspace / "tenantry.yaml").unlink()
    (workspace / "tenantry.yaml").mkdir()
    code, answer = ready("spec", "validate")
    first = answer["problems"][0]
    assert (code, first["code"], first["where"]) == (65, "unreadable", "tenantry.yaml")
    assert "move away" in first["hint"]


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", SPEC.replace("Red Cross", '"R\\0d Cross"'), SPEC.replace("Red", "R\x07d")]
)
def test_an_empty_file_and_what_cannot_be_seen_are_told_with_what_to_do(
    ready: Run, workspace: Path, text: str
) -> None:
    (workspace / "instances" / "benin.yaml").write_text(text)
    code, answer = ready("spec", "validate", "benin")
    assert code == 65
    assert answer["problems"][0]["hint"]


def test_a_defects_details_lie_in_the_workspace_that_the_command_names(
    ready: Run, workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    (other / ".tenantry").mkdir(parents=True)
    monkeypatch.setenv("TENANTRY_WORKSPACE", str(other))

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("tenantry.config.workspace.load_workspace", broken)
    code, answer = ready("spec", "validate", "--workspace", str(workspace))
    (kept,) = (workspace / ".tenantry").glob("defect-*.txt")
    assert (code, str(kept) in answer["problems"][0]["hint"]) == (70, True)
    assert not list((other / ".tenantry").iterdir())


@pytest.mark.parametrize("folder", ["there", "not there yet"])
def test_an_init_that_would_be_wrong_writes_nothing_and_a_right_one_works_afterwards(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folder: str
) -> None:
    monkeypatch.setattr(workspace_module, "default_master_key_file", lambda: tmp_path / "master.key")
    place = tmp_path / "workspace"
    if folder == "there":
        place.mkdir()
    before = sorted(tmp_path.rglob("*"))
    assert main_guard(app, ["init", "--workspace", str(place), "--contact", "nobody"]) == 65
    assert "organisation.contact must be an e-mail address" in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before
    assert main_guard(app, ["init", "--workspace", str(place), "--contact", "it@example.org"]) == 0
