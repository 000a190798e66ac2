"""Who a sandbox is: made at its first start, kept in the workspace until reset."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import uuid
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from tenantry.errors import UnavailableError

__all__ = ["APP_SERVICE", "BROKEN", "SERVICE", "Identity", "Places", "endpoints", "take_away", "write"]

BROKEN = "begin anew: tenantry sandbox reset, which shows first what it erases"
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_MORE_SUBSCRIPTIONS = ("second",)  # beside the first; their ids follow from its id
_LEAST, _MOST = 64, 250  # of the second and third number of addresses: far from what people use
_SUFFIX = r'"suffix": *"([a-z]{6})\.sandbox\.test"'
SERVICE = Path("/var/lib/tenantry-sandbox")
APP_SERVICE = "/msi/token"  # where programs of App Service ask for tokens of their managed identity


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
    def machine_object_id(self) -> str:
        """The object id of this machine's managed identity."""
        return str(uuid.uuid5(uuid.UUID(self.object_id), "machine"))

    @property
    def machine_client_id(self) -> str:
        """The client id of this machine's managed identity."""
        return str(uuid.uuid5(uuid.UUID(self.client_id), "machine"))

    @property
    def operators(self) -> tuple[str, str]:
        """The object ids of the principals that own its subscriptions."""
        return self.object_id, self.machine_object_id

    @property
    def issuer(self) -> str:
        """Who issues the federated tokens of the operator's application."""
        return self.url("oidc")

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
        self.certificate_file = self.folder / "client-certificate.pem"
        self.token_file = self.folder / "federated-token"
        self.header_file = self.folder / "identity-header"
        self.log_file = self.folder / "server.log"
        self.process_file = self.folder / "process"
        self.lock_file = self.folder / "lock"
        self.authority = self.folder / "ca"

    def identity(self) -> Identity | None:
        """Return who the sandbox is; None before its first start.

        Raises:
            UnavailableError: its file tells of nobody that this version knows.
        """
        try:
            told = json.loads(self.identity_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            told = None
        if (found := _identity(told)) is None:
            raise UnavailableError(
                f"{self.identity_file} does not say who the sandbox is", hint=BROKEN, code="sandbox-broken"
            )
        return found

    def make(self) -> Identity:
        """Return who the sandbox is; at its first start, somebody new."""
        identity = self.identity()
        if identity is None:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            identity = _new(self.folder)
            write(self.identity_file, json.dumps(asdict(identity), indent=1) + "\n")
        secret = identity.client_secret + "\n"
        if _text(self.secret_file) != secret:
            write(self.secret_file, secret)
        if not _text(self.header_file).strip():
            write(self.header_file, secrets.token_urlsafe(30) + "\n")
        return identity

    def known_id(self) -> str:
        """Return the id, also from what is left of broken files; "" when they tell none."""
        places = ((self.identity_file, r'"id": *"([a-z]{6})"'), (self.endpoints_file, _SUFFIX))
        found = (re.search(pattern, _text(file)) for file, pattern in places)
        return next((one[1] for one in found if one), "")

    def data_folders(self) -> list[Path]:
        """Return the folders that hold what the sandbox holds, as far as its files still tell."""
        found = {self.folder / "data"}
        if name := self.known_id():
            found.add(SERVICE / name)
        with suppress(UnavailableError):
            if (identity := self.identity()) is not None:
                found.add(Path(identity.data))
        return sorted(one for one in found if one.is_dir())


def take_away(path: Path) -> None:
    """Remove whatever is at a path; of a link the link alone. Once more does nothing."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write(file: Path, text: str) -> None:
    """Write a file for ourselves, whole or not at all."""
    draft = file.with_name(file.name + ".new")
    take_away(draft)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(text)
    if file.is_dir():
        take_away(file)
    draft.replace(file)


def _text(file: Path) -> str:
    """Return what a file holds, "" when it cannot be read."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""


def _identity(told: Any) -> Identity | None:
    """Return who is told of, None when it is nobody that this version knows."""
    try:
        found = Identity(**told)
        uuid.UUID(found.subscription_id)
    except (TypeError, ValueError, AttributeError):
        return None
    right = all(type(getattr(found, one.name)).__name__ == one.type for one in fields(found))
    # Its data are erased one day: that must be nobody else's folder.
    ours = right and (found.data == str(SERVICE / found.id) or found.data.endswith("/sandbox/data"))
    return found if ours else None


def endpoints(identity: Identity, places: Places, *, pid: int, machine: str) -> dict[str, Any]:
    """Return what clients need to know to use the sandbox; ``machine`` is where its identity is served."""
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
        "certificate_file": str(places.certificate_file),
        "token_file": str(places.token_file),
        "identity_host": machine,
        "identity_endpoint": machine + APP_SERVICE,
        "identity_header_file": str(places.header_file),
        "identity_client_id": identity.machine_client_id,
        "identity_object_id": identity.machine_object_id,
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
