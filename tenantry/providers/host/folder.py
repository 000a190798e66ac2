"""Folders of an instance, with exactly one owner and one mode.

``Folder`` may be thrown away; ``DataFolder`` holds client data, so one that is
gone is reported as lost and never made anew empty. Parents must be there: a
folder above belongs to another resource.
"""

# ruff: noqa: ARG002 - the signatures are those of Handler
from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from tenantry.errors import FailedError
from tenantry.providers.handler import Inputs, Observed, check_known
from tenantry.providers.host import acl
from tenantry.providers.host.executor import Executor
from tenantry.providers.host.layout import HostLayout
from tenantry.providers.host.volume_state import is_closed

__all__ = ["DataFolder", "Folder", "data_lost", "observe"]


def observe(path: Path, inputs: Inputs) -> dict[str, Any] | None:
    """Return path, uid and mode as they are; None when no folder is there (a link is none).

    The uid is only told when the inputs fix one. An access that was granted to
    the proxy widens the mode that ``stat`` shows; it is taken out again here.
    """
    try:
        status = path.lstat()
    except OSError:
        return None
    if not stat.S_ISDIR(status.st_mode):
        return None
    observed = {**inputs, "mode": acl.mode_without_grants(path, status.st_mode)}
    if inputs.get("uid") is not None:
        # As root the group is the user's own; without root it is whatever the person's is.
        foreign_group = os.geteuid() == 0 and status.st_uid != status.st_gid
        observed["uid"] = -1 if foreign_group else status.st_uid
    return observed


def data_lost(what: str) -> FailedError:
    """Return the error for data that is not where it should be."""
    return FailedError(
        f"{what} is gone, and the client's data with it",
        hint="nothing was made anew; look for it (a mount? moved by hand?), else restore it from a backup",
        code="data-lost",
    )


class Folder:
    """A folder that holds nothing of value.

    Inputs: path, uid (null: the invoking user), mode (permission bits, 0o700). No outputs.
    """

    type: ClassVar[str] = "Folder"
    holds_data: ClassVar[bool] = False
    replace_on: ClassVar[frozenset[str]] = frozenset({"path"})
    secret_inputs: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, executor: Executor, layout: HostLayout) -> None:
        """Keep what is needed."""
        self._executor = executor
        self._layout = layout

    def check(self, inputs: Inputs) -> Sequence[tuple[str, str]]:
        """Return (property, what is wrong) pairs."""
        failures = check_known(inputs, ("path", "mode"))
        mode = inputs.get("mode")
        if isinstance(mode, int | float) and not 0 <= mode <= 0o7777:  # noqa: PLR2004
            failures.append(("mode", "must be permission bits, such as 0o700"))
        return failures

    def create(self, inputs: Inputs) -> tuple[str, dict[str, Any]]:
        """Make it, or put owner and mode of what is there right."""
        uid = None if inputs.get("uid") is None else int(inputs["uid"])
        self._executor.folder(Path(inputs["path"]), mode=int(inputs["mode"]), uid=uid)
        return str(inputs["path"]), {}

    def read(self, resource_id: str, inputs: Inputs) -> Observed | None:
        """Look at owner and mode."""
        observed = observe(Path(resource_id), inputs)
        return None if observed is None else Observed(inputs=observed, outputs={})

    def update(self, resource_id: str, old: Inputs, new: Inputs) -> dict[str, Any]:
        """Put owner and mode right."""
        self.create(new)
        return {}

    def delete(self, resource_id: str, inputs: Inputs) -> None:
        """Remove it with all that is in it."""
        self._executor.remove(Path(resource_id))


class DataFolder(Folder):
    """A folder with client data; see ``Folder``."""

    type: ClassVar[str] = "DataFolder"
    holds_data: ClassVar[bool] = True

    def read(self, resource_id: str, inputs: Inputs) -> Observed | None:
        """Look at owner and mode; in a volume that is closed, ``mounted`` is false in the inputs.

        Raises:
            FailedError: data-lost, when it is gone.
        """
        found = super().read(resource_id, inputs)
        if found is None and self._is_out_of_reach(Path(resource_id)):
            return Observed(inputs={**inputs, "mounted": False}, outputs={})
        if found is None:
            raise data_lost(f"the folder {resource_id}")
        return found

    def update(self, resource_id: str, old: Inputs, new: Inputs) -> dict[str, Any]:
        """Put owner and mode right; a folder that is gone is not made anew."""
        if observe(Path(resource_id), new) is None:
            raise data_lost(f"the folder {resource_id}")
        return super().update(resource_id, old, new)

    def _is_out_of_reach(self, path: Path) -> bool:
        """Say whether it lies in an instance's home that must be opened first, as after a reboot."""
        if not path.is_relative_to(self._layout.root):
            return False
        opaque = path.relative_to(self._layout.root).parts[0]
        return is_closed(self._layout, opaque)
