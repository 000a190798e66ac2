"""What the tests of metrics, logs and alerts share: a site, a vault, a server, and who is told."""

from __future__ import annotations

import io
import uuid
import zipfile
from typing import Any

from tenantry.cli.sandboxing import faults
from tests.support.plain_http import ask
from tests.support.sandbox import Sandbox

__all__ = ["REGION", "Place"]

REGION = "westeurope"
_PROGRAM = """\
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(500 if self.path == "/broken" else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *_):
        print("a request came for", self.path, flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


class Place:
    """A group with what is watched; everything is made as a client of Resource Manager does."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.name = f"rg-{uuid.uuid4().hex[:8]}"
        self.group = sandbox.make_group(self.name, REGION)
        self.arm = sandbox.arm()

    def close(self) -> None:
        self.arm.close()

    def faults(self, kind: str, *values: str) -> None:
        """What ``tenantry sandbox faults`` does, without a process for each."""
        faults(self.sandbox.workspace, kind, values, match="")

    def put(self, path: str, version: str, body: dict[str, Any]) -> dict[str, Any]:
        """PUT something below the group; return its body."""
        identity = path if path.startswith("/") else f"{self.group}/providers/{path}"
        self.arm.put(identity, version, body)
        found = self.arm.get(identity, version)
        assert found is not None
        return found

    def workspace(self, **more: Any) -> dict[str, Any]:
        path = f"Microsoft.OperationalInsights/workspaces/log-{uuid.uuid4().hex[:8]}"
        return self.put(path, "2025-02-01", {"location": REGION, "properties": more})

    def site(self) -> dict[str, Any]:
        """A site that runs a small program."""
        plan = self.put(
            "Microsoft.Web/serverfarms/plan",
            "2024-11-01",
            {"location": REGION, "sku": {"name": "B1"}, "properties": {"reserved": True}},
        )
        config = {"linuxFxVersion": "PYTHON|3.11", "appCommandLine": "python3 app.py"}
        name = f"app-{uuid.uuid4().hex[:10]}"
        site = self.put(
            f"Microsoft.Web/sites/{name}",
            "2024-11-01",
            {"location": REGION, "properties": {"serverFarmId": plan["id"], "siteConfig": config}},
        )
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("app.py", _PROGRAM)
        scm = self.sandbox.arm(f"https://{name}.scm.{self.sandbox.told['sites_suffix']}")
        assert scm.call("POST", "/api/zipdeploy", content=packed.getvalue()).status == 200
        scm.close()
        return site

    def vault(self) -> dict[str, Any]:
        """A vault in which nobody has any right."""
        properties = {
            "tenantId": self.sandbox.told["directory_id"],
            "sku": {"family": "A", "name": "standard"},
            "enableRbacAuthorization": True,
        }
        path = f"Microsoft.KeyVault/vaults/kv-{uuid.uuid4().hex[:12]}"
        return self.put(path, "2024-11-01", {"location": REGION, "properties": properties})

    def server(self) -> dict[str, Any]:
        body = {
            "location": REGION,
            "sku": {"name": "Standard_D2ds_v5", "tier": "GeneralPurpose"},
            "properties": {
                "administratorLogin": "owner",
                "administratorLoginPassword": "Correct-Horse-7",
                "version": "16",
                "storage": {"storageSizeGB": 32},
            },
        }
        path = f"Microsoft.DBforPostgreSQL/flexibleServers/psql-{uuid.uuid4().hex[:10]}"
        return self.put(path, "2024-08-01", body)

    def get(self, site: dict[str, Any], path: str = "/") -> int:
        """Ask a site as a person does; return the status."""
        url = f"https://{site['name']}.{self.sandbox.told['sites_suffix']}{path}"
        return ask(url, ca_file=self.sandbox.told["ca_file"]).status

    def ask_vault(self, vault: dict[str, Any]) -> int:
        """Ask a vault for its secrets; return the status."""
        token = self.sandbox.credential().get_token(f"https://vault.{self.sandbox.told['suffix']}/.default")
        url = f"https://{vault['name']}.{self.sandbox.told['vault_suffix']}/secrets?api-version=7.4"
        headers = {"Authorization": f"Bearer {token.token}"}
        return ask(url, headers=headers, ca_file=self.sandbox.told["ca_file"]).status

    def send_logs(self, resource: dict[str, Any], workspace: dict[str, Any]) -> None:
        """Let a resource send all its logs to a workspace."""
        self.put(
            f"{resource['id']}/providers/Microsoft.Insights/diagnosticSettings/all",
            "2021-05-01-preview",
            {
                "properties": {
                    "workspaceId": workspace["id"],
                    "logs": [{"categoryGroup": "allLogs", "enabled": True}],
                }
            },
        )
