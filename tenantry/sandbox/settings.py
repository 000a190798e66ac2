"""Who a sandbox is: made at its first start, kept in the workspace until reset."""

from __future__ import annotations

import json
import os
import secrets
import uuid
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Identity", "Places"]

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_MORE_SUBSCRIPTIONS = ("second",)  # beside the first; their ids follow from its id
_LEAST, _MOST = 64, 250  # of the second and third number of addresses: far from what people use
SERVICE = Path("/var/lib/tenantry-sandbox")


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Ids and addresses of one sandbox."""

    id: str
    network: str  # "127.A.B": every address of the sandbox lies there
    port: int
    data: str  # folder
    directory_id: str
    subscription_id: str
    client_id: str
    object_id: str
    client_secret: str = field(repr=False)

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """The ids of its subscriptions; the first is the one that clients get when they ask for none."""
        first = self.subscription_id
        return first, *(str(uuid.uuid5(uuid.UUID(first), one)) for one in _MORE_SUBSCRIPTIONS)

    @property
    def suffix(self) -> str:
        """What all its host names end in."""
        return f"{self.id}.sandbox.test"

    @property
    def address(self) -> str:
        """The address of the HTTPS listener."""
        return f"{self.network}.1"

    def url(self, host: str) -> str:
        """Return the URL of a host, without a slash at the end."""
        port = "" if self.port == 443 else f":{self.port}"  # noqa: PLR2004 - HTTPS
        return f"https://{host}.{self.suffix}{port}"

    @property
    def arm(self) -> str:
        """The URL of Resource Manager."""
        return self.url("management")

    @property
    def login(self) -> str:
        """The URL of the login."""
        return self.url("login")

    @property
    def graph(self) -> str:
        """The URL of Graph."""
        return self.url("graph")


class Places:
    """Where the files of a workspace's sandbox are."""

    def __init__(self, private: Path) -> None:
        self.folder = private / "sandbox"
        self.identity_file = self.folder / "sandbox.json"
        self.endpoints_file = self.folder / "endpoints.json"
        self.secret_file = self.folder / "client-secret"
        self.log_file = self.folder / "server.log"
        self.process_file = self.folder / "process"
        self.lock_file = self.folder / "lock"
        self.authority = self.folder / "ca"

    def identity(self) -> Identity | None:
        """Return who the sandbox is; None before its first start."""
        try:
            return Identity(**json.loads(self.identity_file.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None

    def make(self) -> Identity:
        """Return who the sandbox is; at its first start, somebody new."""
        if (known := self.identity()) is not None:
            return known
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        identity = _new(self.folder)
        write(self.secret_file, identity.client_secret + "\n")
        write(self.identity_file, json.dumps(asdict(identity), indent=1) + "\n")
        return identity


def write(file: Path, text: str) -> None:
    """Write a file for ourselves, whole or not at all."""
    draft = file.with_name(file.name + ".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(text)
    draft.replace(file)


def endpoints(identity: Identity, places: Places, *, pid: int) -> dict[str, Any]:
    """Return what clients need to know to use the sandbox."""
    port = "" if identity.port == 443 else f":{identity.port}"  # noqa: PLR2004 - HTTPS
    return {
        "arm": identity.arm,
        "login": identity.login,
        "metadata": f"{identity.arm}/metadata/endpoints",
        "graph": identity.graph,
        "vault_suffix": f"vault.{identity.suffix}{port}",
        "postgres_suffix": f"postgres.database.{identity.suffix}",
        "sites_suffix": f"azurewebsites.{identity.suffix}{port}",
        "logs": f"https://api.loganalytics.{identity.suffix}{port}",
        "blob_suffix": f"blob.core.{identity.suffix}{port}",
        "ca_file": str(places.authority / "ca.pem"),
        "directory_id": identity.directory_id,
        "subscription_id": identity.subscription_id,
        "subscription_ids": list(identity.subscriptions),
        "client_id": identity.client_id,
        "object_id": identity.object_id,
        "client_secret_file": str(places.secret_file),
        "suffix": identity.suffix,
        "pid": pid,
    }


def _new(folder: Path) -> Identity:
    name = "".join(secrets.choice(_LETTERS) for _ in range(6))
    numbers = [_LEAST + secrets.randbelow(_MOST - _LEAST) for _ in range(2)]
    root = os.geteuid() == 0
    return Identity(
        id=name,
        network=f"127.{numbers[0]}.{numbers[1]}",
        port=443 if root else 8443,
        data=str(SERVICE / name if root else folder / "data"),
        directory_id=str(uuid.uuid4()),
        subscription_id=str(uuid.uuid4()),
        client_id=str(uuid.uuid4()),
        object_id=str(uuid.uuid4()),
        client_secret=secrets.token_urlsafe(30),
    )
