"""The blobs of an instance: emptied before their account is deleted, and what Azure keeps of them.

Everything goes through Resource Manager. It needs no way in to the account, and
a container takes with it what was deleted inside of it before.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from tenantry.adapters.azure_arm import Arm
from tenantry.errors import FailedError
from tenantry.model.azure_types import TYPES
from tenantry.model.status import Residue
from tenantry.ports import Event, OnEvent
from tenantry.targets.azure.inventory import DELETED

__all__ = ["emptied"]

_CONTAINER: Final = TYPES["azure-native:storage:BlobContainer"]
_ACCOUNT: Final = TYPES["azure-native:storage:StorageAccount"].arm_type
_PATIENCE_SECONDS: Final = 120.0
_KEPT: Final = timedelta(days=next(one.days for one in DELETED if one.arm_type == _ACCOUNT))


def emptied(
    arm: Arm, account: str, *, known: Iterable[str], now: datetime, tell: OnEvent
) -> Sequence[Residue]:
    """Delete every container of an account so that it cannot be restored; look until none is left.

    Args:
        arm: Resource Manager.
        account: its id.
        known: ids of containers that were made; a list may not have them yet.
        now: the cloud's time.
        tell: takes what is done.

    Returns:
        the containers that somebody deleted earlier: switching their retention off does not
        purge them, and nothing else does; they lie in the account and go with it.

    Raises:
        FailedError: a container is still there, such as one with a legal hold.
    """
    service = f"{account}/blobServices/default"
    off = {"deleteRetentionPolicy": {"enabled": False}, "containerDeleteRetentionPolicy": {"enabled": False}}
    arm.put_only(service, _CONTAINER.version, {"properties": {**off, "isVersioningEnabled": False}})
    names = {one["name"] for one in _containers(arm, service)} | {one.rpartition("/")[2] for one in known}
    for name in sorted(names):
        tell(Event(text=f"deleting the container {name}"))
        arm.delete(f"{service}/containers/{name}", _CONTAINER.version)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while (left := [one["name"] for one in _containers(arm, service)]) and time.monotonic() < deadline:
        time.sleep(1)  # a list may have what was just deleted
    if left:
        raise FailedError(
            f"{len(left)} containers of {account.rpartition('/')[2]} are still there: {left[0]}",
            hint="see whether it has a legal hold or an immutability policy, then run the same command again",
            code="container-left",
        )
    return [
        Residue(
            where=f"{service}/containers/{one['name']}",
            what="a container that was deleted earlier; it lies in the deleted account and goes with it",
            since=now,
            until=now + _KEPT,
            type=_CONTAINER.arm_type,
            kind="soft-deleted",
        )
        for one in _containers(arm, service, deleted=True)
    ]


def _containers(arm: Arm, service: str, *, deleted: bool = False) -> Sequence[dict[str, Any]]:
    query = {"$include": "deleted"} if deleted else {}
    listed = arm.list(f"{service}/containers", _CONTAINER.version, **query)
    return [one for one in listed if bool((one.get("properties") or {}).get("deleted")) is deleted]
