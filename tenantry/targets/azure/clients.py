"""The clients of one subscription, all with the one credential of the workspace."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from tenantry.adapters.azure_arm import Arm
from tenantry.adapters.azure_credential import Renewable, make_credential, token
from tenantry.adapters.azure_look import OneLook
from tenantry.errors import TenantryError, UnavailableError

if TYPE_CHECKING:
    from tenantry.targets.azure.clouds import Access

__all__ = ["Clients", "Principal"]

_SUBSCRIPTIONS: Final = "2022-12-01"


@dataclass(frozen=True, kw_only=True)
class Principal:
    """Who tenantry is towards Azure, as its own token says."""

    object_id: str
    client_id: str


class Clients:
    """Makes each client when it is first asked for."""

    def __init__(self, access: Access, *, beside: Clients | None = None) -> None:
        """Take how to work on a subscription, and clients of another one that share their credential."""
        self.access = access
        self._beside = beside
        self._lock = threading.Lock()
        self._credential: Renewable | None = None

    @cached_property
    def credential(self) -> Renewable:
        """The credential that the settings name: one, so that a token is asked for once."""
        if self._beside is not None:
            return self._beside.credential
        with self._lock:
            if self._credential is None:
                self._credential = self._make_credential()
            return self._credential

    def _make_credential(self) -> Renewable:
        access = self.access
        return Renewable(
            lambda: make_credential(
                access.credential,
                authority=access.cloud.login,
                directory_id=access.directory_id,
                client_id=access.client_id,
                client_secret_file=access.client_secret_file,
                certificate_file=access.certificate_file,
                token_file=access.token_file,
                where=access.where,
                ca_file=access.cloud.ca_file,
                discovery=access.cloud.discovery,
            ),
            where=access.where,
        )

    @cached_property
    def arm(self) -> Arm:
        """Resource Manager."""
        return self._client(self.access.cloud.arm, self.access.cloud.arm_scope)

    @cached_property
    def offers(self) -> OneLook:
        """What Azure offers the subscription, each asked once in a command: some answers take seconds."""
        return OneLook(self.arm)

    @cached_property
    def logs(self) -> Arm:
        """The query service of Log Analytics."""
        return self._client(self.access.cloud.logs, f"{self.access.cloud.logs}/.default")

    def vault(self, name: str) -> Arm:
        """The objects of a vault."""
        return self._client(f"https://{name}.{self.access.cloud.vault_suffix}", self.access.cloud.vault_scope)

    def site(self, name: str) -> Arm:
        """A site's own management, which takes tokens of Resource Manager."""
        cloud = self.access.cloud
        return self._client(f"https://{name}.scm.{cloud.sites_suffix}", cloud.arm_scope)

    @cached_property
    def principal(self) -> Principal:
        """Whoever the token was given to. The claims are read, not verified: Azure does that.

        Raises:
            UnavailableError: the login gives no token, or none that has claims.
        """
        claims = _claims(token(self.credential, self.access.cloud.arm_scope))
        return Principal(
            object_id=str(claims.get("oid", "")),
            client_id=str(claims.get("appid") or claims.get("azp") or self.access.client_id),
        )

    def now(self) -> datetime:
        """Return the cloud's time: due dates follow it."""
        if not self.arm.has_answered:
            self._see_subscription()
        return self.arm.now()

    def now_by(self, ask: Callable[[], object]) -> datetime:
        """Return the cloud's time as the answer to a question tells it that is asked in any case.

        An error of that question alone is not raised: whoever asks it again is told.

        Raises:
            TenantryError: Resource Manager does not answer at all, or not for this subscription.
        """
        try:
            ask()
        except TenantryError:
            if not self.arm.has_answered:
                raise
            self._see_subscription()
        return self.arm.now()

    def _see_subscription(self) -> None:
        self.arm.get(self.access.scope, _SUBSCRIPTIONS)

    def _client(self, base: str, scope: str) -> Arm:
        return Arm(base, credential=self.credential, scope=scope, ca_file=self.access.cloud.ca_file)


def _claims(text: str) -> dict[str, Any]:
    try:
        part = text.split(".")[1]
        found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (IndexError, ValueError):
        found = None
    if not isinstance(found, dict):
        raise UnavailableError(
            "Azure's login gave a token that does not say whose it is",
            hint="see the block azure in tenantry.yaml, and whether something between here and Azure answers",
            code="no-token",
        )
    return found
