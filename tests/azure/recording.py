"""A Resource Manager in memory that keeps what it was sent, and tells what programs need to go on."""

from __future__ import annotations

import copy
import uuid
from pathlib import Path
from typing import Any

from tenantry.components.azure.props import APP_PASSWORD, AzureProps
from tenantry.config.profile import load_profile
from tenantry.config.regions import catalogue
from tenantry.config.workspace import load_workspace
from tenantry.model.azure_names import AzureNames
from tenantry.model.azure_sizes import AZURE_SIZES
from tenantry.model.azure_types import TYPES
from tenantry.model.residency import AzurePlacement
from tenantry.model.spec import Size

__all__ = [
    "ACCOUNT_KEY",
    "CACHE_KEY",
    "THUMBPRINT",
    "RecordingManager",
    "arm_type_of",
    "example_props",
    "token_of",
]

_EXAMPLES = Path(__file__).parents[2] / "examples"

ACCOUNT_KEY = "dGhlLWtleS1vZi10aGUtYWNjb3VudA=="
CACHE_KEY = "dGhlLWtleS1vZi10aGUtY2FjaGU="
THUMBPRINT = "0123456789ABCDEF0123456789ABCDEF01234567"


class RecordingManager:
    """Keeps every PUT; implements the stand-in's ``Caller``."""

    def __init__(self) -> None:
        self.bodies: dict[str, dict[str, Any]] = {}
        self.sent: dict[str, dict[str, Any]] = {}  # by id
        self.deleted: list[str] = []  # ids, in order

    def get(self, path: str, version: str, **query: str) -> dict[str, Any] | None:
        return copy.deepcopy(self.bodies.get(path))

    def put(self, path: str, version: str, body: Any) -> dict[str, Any]:
        self.sent[path] = copy.deepcopy(body)
        told = {"id": path, "name": path.rpartition("/")[2], **copy.deepcopy(body)}
        properties = told.setdefault("properties", {})
        kind = path.rpartition("/providers/")[2].lower()
        if "userassignedidentities" in kind:
            properties.update(principalId=str(uuid.uuid4()), clientId=str(uuid.uuid4()))
        if "/keys/" in kind:
            uri = f"https://{path.split('/')[-3]}.vault.azure.net/keys/data"
            properties.update(keyUri=uri, keyUriWithVersion=f"{uri}/0123456789abcdef")
        if "redisenterprise" in kind:
            properties.update(hostName="amr-kenya.southafricanorth.redis.azure.net")
        if "web/certificates" in kind:
            properties.update(thumbprint=THUMBPRINT)
        if "staticsites" in kind:
            properties.update(defaultHostname="calm-sea-0123.azurestaticapps.net")
        self.bodies[path] = told
        return copy.deepcopy(told)

    def post(self, path: str, version: str, body: Any = None, **query: str) -> dict[str, Any]:
        if path.endswith("/listKeys"):
            return {"keys": [{"keyName": "key1", "value": ACCOUNT_KEY}], "primaryKey": CACHE_KEY}
        return copy.deepcopy(self.bodies.get(path.removesuffix("/list"), {}))

    def delete(self, path: str, version: str, **query: str) -> bool:
        self.deleted.append(path)
        of_a_vault = path.startswith(("/keys/", "/secrets/"))  # which one is not told here
        gone = [one for one in self.bodies if one == path or (of_a_vault and one.endswith(path))]
        for one in gone:
            del self.bodies[one]
        return bool(gone)


def example_props(folder: Path, *, profile: str = "registrations", **more: Any) -> AzureProps:
    """Return the props of an instance of the example workload, or of one of the tests' own."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tenantry.yaml").write_text(
        f"tenantry: 1\norganisation: {{name: Example, contact: it@example.org}}\nprofiles: [{_EXAMPLES}]\n",
        encoding="utf-8",
    )
    workspace = load_workspace(folder)
    region = catalogue().find("southafricanorth")
    assert region is not None
    values: dict[str, Any] = {
        "instance": "kenya",
        "names": AzureNames.of("kenya", "san", "abc234"),
        "region": region,
        "pair": catalogue().find(region.pair),
        "placement": AzurePlacement(region=region.name),
        "subscription_id": "11111111-1111-1111-1111-111111111111",
        "directory_id": "22222222-2222-2222-2222-222222222222",
        "tags": {"instance": "tnabc", "client": "kenya", "operation": "op-1"},
        "sizes": AZURE_SIZES[Size.SMALL],
        "profile": load_profile(profile, workspace=workspace),
        "version": "1.0.0",
        "hostname": "kenya.example.org",
        "settings": {"ADMIN_EMAIL": "admin@example.org"},
        "secrets": {
            "SESSION_SECRET": "the-session-secret",
            "NAMESPACE_UUID": "3d8f0d0e-8a53-4f0e-9a0d-0c1b6a1e5d11",
            "ADMIN_PASSWORD": "the-admin-password",
            APP_PASSWORD: "the-app-password",
        },
        "administrator_password": "Aa1-the-administrators-password",
        "emails": ("it@example.org",),
        "rehearsal": False,
    }
    return AzureProps(**{**values, **more})


def arm_type_of(path: str) -> str:
    """Return Resource Manager's type of an id, or of the list that is at a path."""
    if "/providers/" not in path:
        return "Microsoft.Resources/resourceGroups"
    parts = path.rpartition("/providers/")[2].split("/")
    return "/".join([parts[0], *parts[1::2]])


def token_of(resource_id: str) -> str:
    """Return Pulumi's token for an id that a component made."""
    arm_type, name = arm_type_of(resource_id).lower(), resource_id.rpartition("/")[2]
    found = [one for one in TYPES.values() if one.arm_type.lower() == arm_type]
    for one in found:
        if len(found) == 1 or one.names[-1] == f"={name}":
            return one.token
    raise AssertionError(resource_id)
