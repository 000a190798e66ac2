"""Which subscription an instance lives in, and the clients of each.

Decided once, when the instance is made, and kept in the register: a workspace
that names another subscription later takes no instance with it. Not done: making
a subscription, which is a matter of billing, and moving an instance to another.
"""

from __future__ import annotations

import dataclasses
import threading
from functools import cached_property

from tenantry.errors import RefusedError, SpecError
from tenantry.model.spec import InstanceSpec, Workspace
from tenantry.ports import Instance
from tenantry.targets.azure import values
from tenantry.targets.azure.clients import Clients
from tenantry.targets.azure.clouds import CLOUD, CLOUDS, Access, access

__all__ = ["Subscriptions", "no_azure"]


def no_azure(where: str = "") -> SpecError:
    """Return that the workspace has no block ``azure``; ``where`` is what asks for one."""
    return SpecError(
        "the workspace does not say which Azure it works on",
        hint="add a block azure to tenantry.yaml: cloud, subscription, directory",
        where=where,
        code="no-azure",
    )


class Subscriptions:
    """The subscriptions of a workspace's instances, all worked on as the one principal."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._clients: dict[str, Clients] = {}
        self._lock = threading.Lock()

    def of(self, instance: Instance | None, spec: InstanceSpec | None = None) -> Clients:
        """Return the clients of an instance's subscription.

        Args:
            instance: recorded or planned; None: nobody recorded it yet.
            spec: says where one is to live that is not made yet.

        Raises:
            RefusedError: the instance was made in another cloud than the workspace's.
        """
        if instance is not None:
            self.refuse_other_cloud(instance)
        return self.named((self.recorded(instance) if instance else "") or self.wanted(spec))

    def recorded(self, instance: Instance) -> str:
        """Return the id of the subscription that an instance was made in, "" for one that was not made.

        One of the days when all had the workspace's is there still.
        """
        if found := instance.facts.get(values.SUBSCRIPTION):
            return found
        return self._default.subscription_id if values.is_made(instance) else ""

    def wanted(self, spec: InstanceSpec | None = None) -> str:
        """Return the id of the subscription that a new instance is to be made in."""
        named = spec.azure.subscription if spec is not None and spec.azure is not None else ""
        return (named or self._default.subscription_id).lower()

    def check_credential(self, spec: InstanceSpec) -> None:
        """Raise unless the file of the credential holds one. Nobody is asked whether it is good.

        That of a cloud which runs beside the workspace is written when it is started, maybe later.
        """
        if self._workspace.azure is not None and self._workspace.azure.cloud in CLOUDS:
            _ = self.of(None, spec).credential

    def refuse_other_cloud(self, instance: Instance) -> None:
        """Refuse an instance that was made in another cloud: what this one says of it would mean nothing."""
        made_in, settings = instance.facts.get(CLOUD, ""), self._workspace.azure
        if settings is None or not made_in or made_in == settings.cloud:
            return
        raise RefusedError(
            f"{instance.name} was made in the cloud {made_in}; azure.cloud says {settings.cloud}",
            hint=f"write cloud: {made_in} into tenantry.yaml while you work on it, or use another workspace",
            code="cloud-changed",
        )

    def refuse_move(self, spec: InstanceSpec, instance: Instance) -> None:
        """Refuse a spec that names another subscription than the instance's own."""
        named = spec.azure.subscription.lower() if spec.azure is not None else ""
        made_in = self.recorded(instance) if named else ""
        if made_in and named != made_in.lower():
            raise RefusedError(
                f"{spec.name} lives in the subscription {made_in}; its data do not move by a deploy",
                hint="write the old subscription or none, or erase the instance and deploy anew",
                where=spec.where,
                code="subscription-changed",
            )

    def named(self, subscription_id: str) -> Clients:
        """Return the clients of a subscription."""
        with self._lock:
            found = self._clients.get(subscription_id)
            if found is None:
                here = dataclasses.replace(self._default, subscription_id=subscription_id)
                first = next(iter(self._clients.values()), None)
                found = self._clients[subscription_id] = Clients(here, beside=first)
            return found

    @cached_property
    def _default(self) -> Access:
        if self._workspace.azure is None:
            raise no_azure()
        return access(self._workspace.azure, private=self._workspace.private)
