"""The engine of this target, and where its state lies: in the workspace, or in a team's account.

State that was begun in one place is not moved to another. So a place that
``tenantry.yaml`` names anew is refused as long as an instance's state is in the old one; that
is looked for there, where it was recorded to be and in the workspace's folder.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from tenantry.adapters import tools
from tenantry.adapters.azure_answers import plugin_error
from tenantry.adapters.engine import Engine
from tenantry.adapters.engine_store import FolderStore, Store
from tenantry.adapters.vault import FileVault
from tenantry.components.azure.tokens import DATA_TOKENS
from tenantry.errors import Problem, RefusedError, TenantryError, UnavailableError
from tenantry.model.spec import TeamState, Workspace
from tenantry.ports import Instance
from tenantry.targets.azure.clients import Clients
from tenantry.targets.generated import new_password

if TYPE_CHECKING:
    from tenantry.adapters.azure_state import BlobStore

__all__ = ["FACT", "Engines"]

FACT: Final = "engine_state"  # of an instance whose state is not in the workspace's folder
_PROJECT: Final = "tenantry"
_STACK_PASSPHRASE: Final = "stack.passphrase"  # noqa: S105 - in a store of its own: it goes last
_KEYS: Final = "7.4"  # API version of a vault's objects


class Engines:
    """Makes engines for the stacks of one workspace."""

    def __init__(
        self, workspace: Workspace, *, clients: Callable[[], Clients], vault: Callable[[str], FileVault]
    ) -> None:
        """Make none yet; arguments as for ``tenantry.targets.azure.target.AzureTarget``."""
        self._clients = clients
        self._vault = vault
        self._team = workspace.azure.state if workspace.azure is not None else None
        self._folder = workspace.private / "engine"

    @property
    def place(self) -> str:
        """Where state lies, for the register; "": in the workspace's folder."""
        return f"azblob://{self._team.account}/{self._team.container}" if self._team is not None else ""

    def make(
        self,
        instance: Instance,
        providers: Mapping[str, int],
        environment: Mapping[str, str] | None = None,
    ) -> Engine:
        """Return an engine for an instance's stack; the other arguments are the engine's.

        Raises:
            RefusedError: its state lies elsewhere.
        """
        self.refuse_elsewhere([instance])
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Engine(
            tools.find_engine(),
            home=self._folder / "home",
            state_folder=self._folder / "state",
            store=self._store(self.place),
            providers=providers,
            environment=environment,
            holds_data=lambda token: token in DATA_TOKENS,
            read_error=plugin_error,
            project=_PROJECT,
            parallel=32,  # most of a create is waiting
        )

    def passphrase(self, instance: Instance) -> str:
        """Return what the secrets of an instance's stack are under; "" with a key of the team's."""
        if self._team is not None:
            return ""
        return self.stack_vault(instance).ensure({_STACK_PASSPHRASE: new_password})[_STACK_PASSPHRASE]

    def stack_vault(self, instance: Instance) -> FileVault:
        """The store of the stack's passphrase alone: it is destroyed last."""
        return self._vault(f"{instance.opaque}-stack")

    def remove(self, instance: Instance) -> None:
        """Remove the stack with its history; what it knew of was deleted and looked for."""
        engine = self.make(instance, {})
        engine.break_lock(instance.opaque)
        engine.remove(instance.opaque, although_full=True)

    # --- before anything is done ---

    def refuse_elsewhere(self, instances: Sequence[Instance]) -> None:
        """Refuse instances whose state is in another place than the workspace names now.

        Raises:
            RefusedError: there are some.
            UnavailableError: a place where one was recorded to be cannot be looked at.
        """
        for instance in instances:
            for place in {instance.facts.get(FACT, ""), ""} - {self.place}:
                if self._store(place).exists(f".pulumi/stacks/{_PROJECT}/{instance.opaque}.json"):
                    raise RefusedError(
                        f"the engine's state of {instance.name} lies in {place or self._folder}, and "
                        f"tenantry.yaml names {self.place or self._folder}; it is not moved",
                        hint="put azure.state back as it was, or erase the instance first",
                        code="state-elsewhere",
                    )

    def looks(self) -> Sequence[Callable[[], Sequence[Problem]]]:
        """Return what preflight looks at; nothing where the state is in the workspace."""
        return [self._look_at_container, self._look_at_key] if self._team is not None else []

    # --- parts of these ---

    def _store(self, place: str) -> Store:
        return self._blobs(place) if place else FolderStore(self._folder / "state")

    def _blobs(self, place: str) -> BlobStore:
        from tenantry.adapters.azure_state import BlobStore  # slow to import, and rarely needed

        named, clients = urlsplit(place), self._clients()
        return BlobStore(
            account=named.netloc,
            container=named.path.strip("/"),
            suffix=clients.access.cloud.blob_suffix,
            key=self._team.key if self._team is not None else "",
            credential=clients.credential,
            ca_file=clients.access.cloud.ca_file,
        )

    def _look_at_container(self) -> Sequence[Problem]:
        self._blobs(self.place).check()
        return []

    def _look_at_key(self) -> Sequence[Problem]:
        """Have the key encrypt and decrypt.

        Raises:
            UnavailableError: its vault cannot be reached.
        """
        assert isinstance(self._team, TeamState)
        key = urlsplit(self._team.key)
        vault, _, suffix = key.netloc.partition(".")
        if suffix != self._clients().access.cloud.vault_suffix:
            return [_no_key(f"{key.netloc} is no vault of the cloud that the workspace works on")]
        sample = base64.urlsafe_b64encode(secrets.token_bytes(24)).decode()
        client = self._clients().vault(vault)
        try:
            made = client.post(f"{key.path}/encrypt", _KEYS, {"alg": "RSA-OAEP-256", "value": sample})
            body = {"alg": "RSA-OAEP-256", "value": made.get("value")}
            same = client.post(f"{key.path}/decrypt", _KEYS, body).get("value") == sample
        except UnavailableError:
            raise  # the key was not asked: its hint says what keeps us from it
        except TenantryError as error:
            return [_no_key(error.message)]
        return [] if same else [_no_key("it decrypts to something else")]


def _no_key(why: str) -> Problem:
    return Problem(
        code="state-key",
        message=f"the key of azure.state cannot be used: {why}",
        hint="name an RSA key that is enabled and may encrypt and decrypt, and give the principal the role "
        '"Key Vault Crypto User" on it',
    )
