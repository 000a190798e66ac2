"""A sandbox for tests: started by the installed command line, gone at the end."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tenantry.adapters.azure_arm import Arm
from tenantry.adapters.azure_credential import make_credential
from tenantry.model.spec import CredentialKind

__all__ = ["Sandbox", "files_below", "running_sandbox"]

_TENANTRY = Path(sys.executable).with_name("tenantry")
GROUPS = "2024-03-01"  # API version of resource groups


@dataclass(frozen=True, kw_only=True)
class Sandbox:
    """A sandbox that runs, and how to reach it."""

    workspace: Path
    told: dict[str, Any]  # endpoints.json

    @property
    def private(self) -> Path:
        return self.workspace / ".tenantry"

    @property
    def subscription(self) -> str:
        """The subscription as a resource id."""
        return f"/subscriptions/{self.told['subscription_id']}"

    @property
    def second(self) -> str:
        """The second subscription as a resource id."""
        return f"/subscriptions/{self.told['subscription_ids'][1]}"

    @property
    def scope(self) -> str:
        """What a token for Resource Manager is asked for."""
        return f"{self.told['arm']}/.default"

    @property
    def disk(self) -> Path:
        """Where the sandbox keeps everything that it holds."""
        text = (self.private / "sandbox" / "sandbox.json").read_text(encoding="utf-8")
        return Path(json.loads(text)["data"])

    def files_with(self, text: str) -> list[Path]:
        """Return the files on its disk that have a text in them; some come and go meanwhile."""
        found = []
        for path in files_below(self.disk):
            with contextlib.suppress(FileNotFoundError):
                if text.encode() in path.read_bytes():
                    found.append(path)
        return found

    def assign(self, scope: str, role: str, principal: str = "") -> None:
        """Give a principal, or the operator, a role by the role's GUID."""
        around = "/".join(scope.split("/")[:3])
        definition = f"{around}/providers/Microsoft.Authorization/roleDefinitions/{role}"
        properties = {
            "roleDefinitionId": definition,
            "principalId": principal or self.told["object_id"],
            "principalType": "ServicePrincipal",
        }
        path = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
        self.arm().put(path, "2022-04-01", {"properties": properties})

    def command(self, *arguments: str) -> dict[str, Any]:
        """Run ``tenantry sandbox …``; return its data."""
        return run(self.workspace, "sandbox", *arguments)

    def faults(self, *arguments: str) -> dict[str, Any]:
        return self.command("faults", *arguments)

    def dns(self, *arguments: str) -> dict[str, Any]:
        return self.command("dns", *arguments)

    def credential(self) -> Any:
        """A credential of azure-identity, as the sandbox's principal."""
        return make_credential(
            CredentialKind.SECRET,
            authority=self.told["login"],
            directory_id=self.told["directory_id"],
            client_id=self.told["client_id"],
            client_secret_file=Path(self.told["client_secret_file"]),
            ca_file=Path(self.told["ca_file"]),
            discovery=False,
        )

    def arm(self, url: str = "", **more: Any) -> Arm:
        """The product's own client of Resource Manager, or of another service at a URL."""
        return Arm(
            url or self.told["arm"],
            credential=self.credential(),
            scope=self.scope,
            ca_file=Path(self.told["ca_file"]),
            **{"poll_seconds": 0.02, **more},
        )

    def client(self, kind: type[Any], *arguments: Any, **more: Any) -> Any:
        """A client of an azure-mgmt package that is pointed at the sandbox."""
        options = {
            "base_url": self.told["arm"],
            "credential_scopes": [self.scope],
            "connection_verify": self.told["ca_file"],
            "use_env_settings": False,
            "polling_interval": 0,
            "retry_backoff_factor": 0.05,
        }
        if not more.pop("of_no_subscription", False):
            arguments = arguments or (self.told["subscription_id"],)
        return kind(self.credential(), *arguments, **{**options, **more})

    def make_group(self, name: str, location: str = "westeurope", *, within: str = "") -> str:
        """Make a resource group, in a subscription; return its id."""
        identity = f"{within or self.subscription}/resourceGroups/{name}"
        with contextlib.closing(self.arm()) as arm:
            arm.put(identity, GROUPS, {"location": location})
        return identity


@contextlib.contextmanager
def running_sandbox(workspace: Path) -> Iterator[Sandbox]:
    """Start a sandbox in a workspace, which is set up when it is not there; reset it at the end."""
    if not (workspace / "tenantry.yaml").exists():
        workspace.mkdir(parents=True, exist_ok=True)
        run(workspace, "init")
    try:
        run(workspace, "sandbox", "start")  # one that does not start has left something, too
        told = json.loads((workspace / ".tenantry" / "sandbox" / "endpoints.json").read_text())
        yield Sandbox(workspace=workspace, told=told)
    finally:
        disk = Sandbox(workspace=workspace, told={}).disk
        run(workspace, "sandbox", "reset", "--confirm", workspace.name)
    assert still_running(disk) == [], "something of the sandbox outlived its reset"


def files_below(folder: Path) -> list[Path]:
    """Return regular files at any depth; folders that go meanwhile are no error, as they are to rglob."""
    found = [Path(top) / name for top, _, files in os.walk(folder) for name in files]
    return [path for path in found if path.is_file() and not path.is_symlink()]


def still_running(folder: Path) -> list[str]:
    """Return the command lines that name a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            words = process.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if f"{folder}/" in words:
                found.append(words)
    return found


def run(workspace: Path, *arguments: str) -> dict[str, Any]:
    """Run tenantry in a workspace; return the data of its envelope."""
    command = [str(_TENANTRY), *arguments, "--workspace", str(workspace), "--output", "json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    data: dict[str, Any] = json.loads(done.stdout)["data"]
    return data
