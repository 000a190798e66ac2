"""The command line, run in this process on a workspace without instances."""

from __future__ import annotations

import json
import secrets
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tenantry.cli.app import app
from tenantry.cli.run import main_guard
from tests.support.session import Session

Run = Callable[..., tuple[int, dict[str, Any]]]

EXAMPLES = Path(__file__).parents[3] / "examples"
SPEC = """\
tenantry: 1
name: benin
client: {name: Red Cross, country: BJ, contact: it@example.org}
target: host
profile: registrations
hostname: benin.example.org
"""
SPECS = {"host": SPEC, "azure": SPEC.replace("target: host", "target: azure")}
_ID = "12345678-0000-4000-8000-000000000000"
# A subscription that nobody can reach: what asks for it fails.
AZURE = f"azure: {{subscription: {_ID}, directory: {_ID}, client_id: {_ID}, client_secret_file: secret}}\n"


def _write_workspace(folder: Path, session: Session) -> None:
    runtime = session.fast_folder / f"u{secrets.token_hex(3)}"  # never made: nothing is deployed
    folder.mkdir(mode=0o700)
    (folder / "tenantry.yaml").write_text(
        "tenantry: 1\n"
        "organisation: {name: Example Red Cross, contact: it@example.org}\n"
        f"host: {{name: test, root: {folder}-host, runtime: {runtime},\n"
        "  https_port: 28443, http_port: 28080}\n"
        "master_key_file: master.key\n"
        f"profiles: [{EXAMPLES}]\n"
        "settings: {ADMIN_EMAIL: admin@example.org}\n" + AZURE
    )
    (folder / "secret").write_text("hunter22")
    (folder / "secret").chmod(0o600)


@pytest.fixture
def workspace(tmp_path: Path, test_session: Session) -> Path:
    """A workspace's folder, before init."""
    _write_workspace(tmp_path / "workspace", test_session)
    return tmp_path / "workspace"


@pytest.fixture(scope="session")
def initialised(tmp_path_factory: pytest.TempPathFactory, test_session: Session) -> Path:
    """A workspace after init, made once: to make a register takes a second."""
    folder = tmp_path_factory.mktemp("cli") / "workspace"
    _write_workspace(folder, test_session)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TENANTRY_WORKSPACE", str(folder))
        assert main_guard(app, ["init"]) == 0
    return folder


@pytest.fixture
def run(workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command with --output json; return its exit code and envelope."""
    monkeypatch.setenv("TENANTRY_WORKSPACE", str(workspace))

    def execute(*arguments: str) -> tuple[int, dict[str, Any]]:
        capsys.readouterr()
        code = main_guard(app, [*arguments, "--output", "json"])
        return code, json.loads(capsys.readouterr().out)

    return execute


@pytest.fixture
def ready(run: Run, workspace: Path, initialised: Path) -> Run:
    """The same on a workspace that is set up: a copy of the one that init made."""
    for path in initialised.iterdir():
        if path.is_dir():
            shutil.copytree(path, workspace / path.name)
        elif path.name != "tenantry.yaml":
            shutil.copy2(path, workspace / path.name)
    return run


@pytest.fixture
def nothing_asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Insist that no other machine was looked up: neither Azure nor its login was asked for anything."""
    asked: list[object] = []

    def look_up(host: object, *_: object, **__: object) -> None:
        asked.append(host)
        raise OSError("a test has no network")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    yield
    assert asked == []
