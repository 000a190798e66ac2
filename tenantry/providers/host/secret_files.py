"""Files with secrets, handed to an instance's processes on tmpfs.

They are gone after a reboot and never touch a disk: a file with an unwrapped
key on a disk would void cryptographic erasure. A folder that does not lie on
tmpfs is refused.
"""

# ruff: noqa: ARG002 - the signatures are those of Handler
from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from tenantry.errors import RefusedError
from tenantry.providers.handler import Inputs, Observed, check_known
from tenantry.providers.host.executor import Executor
from tenantry.providers.host.layout import HostLayout

__all__ = ["SecretFiles", "on_tmpfs"]

_FILE_MODE, _FOLDER_MODE = 0o400, 0o700


def on_tmpfs(path: Path) -> bool:
    """Say whether a path lies on a file system in memory, from the table of mounts."""
    best, kind = "", ""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, point, found, *_ = line.split()
        place = point.replace("\\040", " ")
        inside = str(path) == place or str(path).startswith(place.rstrip("/") + "/")
        if inside and len(place) >= len(best):
            best, kind = place, found
    return kind in ("tmpfs", "ramfs")


class SecretFiles:
    """A folder of secret files. Inputs: folder, uid (or null), files {name: secret}. No outputs.

    ``read`` compares real contents; a file whose owner or mode was changed
    reads as its name with the mode in front, since its secret may be known.
    """

    type: ClassVar[str] = "SecretFiles"
    holds_data: ClassVar[bool] = False
    replace_on: ClassVar[frozenset[str]] = frozenset({"folder"})
    secret_inputs: ClassVar[frozenset[str]] = frozenset({"files"})

    def __init__(self, executor: Executor, layout: HostLayout) -> None:
        """Keep what is needed."""
        self._executor = executor
        self._layout = layout

    def check(self, inputs: Inputs) -> Sequence[tuple[str, str]]:
        """Return (property, what is wrong) pairs."""
        failures = check_known(inputs, ("folder", "files"))
        files = inputs.get("files")
        names = files if isinstance(files, dict) else {}
        bad = [name for name in names if not name or "/" in name or name.startswith(".")]
        return [*failures, *(("files", f"{name!r} cannot name a file") for name in bad)]

    def create(self, inputs: Inputs) -> tuple[str, dict[str, Any]]:
        """Write the files that are not as wanted, and remove those that nobody asked for.

        Raises:
            RefusedError: the folder is not on tmpfs.
        """
        folder, uid = Path(inputs["folder"]), _uid(inputs)
        if not on_tmpfs(folder):
            raise RefusedError(
                f"{folder} is on a disk; secrets are only written to memory",
                hint="set host.runtime in tenantry.yaml to a folder on tmpfs, such as /run/tenantry",
                code="not-on-tmpfs",
            )
        self._executor.folder(folder, mode=_FOLDER_MODE, uid=uid)
        there = _contents(folder, uid)
        for name in sorted(set(there) - set(inputs["files"])):
            self._executor.remove(folder / name)
        for name, secret in inputs["files"].items():
            if there.get(name) != secret:
                self._executor.write(folder / name, str(secret), mode=_FILE_MODE, uid=uid)
        return str(folder), {}

    def read(self, resource_id: str, inputs: Inputs) -> Observed | None:
        """Read the files back."""
        folder = Path(resource_id)
        if folder.is_symlink() or not folder.is_dir():
            return None
        observed = {**inputs, "files": _contents(folder, _uid(inputs))}
        mode = folder.stat().st_mode & 0o7777
        if mode != _FOLDER_MODE:
            observed["mode"] = f"{mode:04o}"
        return Observed(inputs=observed, outputs={})

    def update(self, resource_id: str, old: Inputs, new: Inputs) -> dict[str, Any]:
        """Write what differs."""
        self.create(new)
        return {}

    def delete(self, resource_id: str, inputs: Inputs) -> None:
        """Remove folder and files."""
        self._executor.remove(Path(resource_id))


def _uid(inputs: Inputs) -> int | None:
    return None if inputs.get("uid") is None else int(inputs["uid"])


def _contents(folder: Path, uid: int | None) -> dict[str, str]:
    """Return every entry of a folder with its content, marked if owner or mode are not right."""
    owner = os.geteuid() if uid is None or os.geteuid() != 0 else uid
    found = {}
    for path in sorted(folder.iterdir()):
        status = path.lstat()
        mode = status.st_mode & 0o7777
        if path.is_symlink() or not path.is_file() or (status.st_uid, mode) != (owner, _FILE_MODE):
            found[path.name] = f"owner {status.st_uid}, mode {mode:04o}"
        else:
            found[path.name] = path.read_text(errors="replace")
    return found
