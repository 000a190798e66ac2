"""The Unix user of an instance: the wall between it and its neighbours.

A user and a group of the same opaque name and the same number, without a
password, a shell or a home made from a skeleton. The number comes from the
register, which never gives it out again; here it is only ever taken when nobody
has it. What a host keeps of a user for longer (``/etc/passwd-``, logs) is the
opaque name alone.
"""

# ruff: noqa: ARG002 - the signatures are those of Handler
from __future__ import annotations

import contextlib
import grp
import os
import pwd
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from tenantry.errors import FailedError, RefusedError
from tenantry.providers.handler import Inputs, Observed, check_known
from tenantry.providers.host import processes
from tenantry.providers.host.executor import Executor
from tenantry.providers.host.layout import HostLayout
from tenantry.providers.host.supervisor import wait_until

__all__ = ["NO_SHELL", "Account", "deviations", "end_processes"]

NO_SHELL = "/usr/sbin/nologin"
_LOCK_SECONDS = 60  # 20 deploys at once take turns at the lock on /etc/passwd
_TERM_SECONDS = 5
_SUBORDINATE = (Path("/etc/subuid"), Path("/etc/subgid"))


class Account:
    """A user and a group of its own. Inputs: name, uid, home. No outputs."""

    type: ClassVar[str] = "Account"
    holds_data: ClassVar[bool] = False
    replace_on: ClassVar[frozenset[str]] = frozenset({"name", "uid"})
    secret_inputs: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, executor: Executor, layout: HostLayout) -> None:
        """Keep what is needed."""
        self._executor = executor
        self._layout = layout

    def check(self, inputs: Inputs) -> Sequence[tuple[str, str]]:
        """Return (property, what is wrong) pairs."""
        failures = check_known(inputs, ("name", "uid", "home"))
        uid = inputs.get("uid")
        if isinstance(uid, int | float) and uid < 1000:  # noqa: PLR2004 - below are the system's own
            failures.append(("uid", "must be 1000 or above"))
        return failures

    def create(self, inputs: Inputs) -> tuple[str, dict[str, Any]]:
        """Make group and user, or finish what a killed run began.

        Raises:
            RefusedError: name or number belong to somebody else, or we are not root.
        """
        name, uid, home = str(inputs["name"]), int(inputs["uid"]), str(inputs["home"])
        if os.geteuid() != 0:
            raise RefusedError(
                "only root can make Unix users", hint="run it as root, or without users of their own"
            )
        _refuse_taken(name, uid)
        if _group(name) is None:
            self._change(["groupadd", "--gid", str(uid), name])
        if _user(name) is None:
            options = ["--uid", str(uid), "--gid", str(uid), "--home-dir", home, "--shell", NO_SHELL]
            self._change(["useradd", "--no-create-home", "--no-log-init", *options, name])
        self._restore(name, home)
        return name, {}

    def read(self, resource_id: str, inputs: Inputs) -> Observed | None:
        """Look into the account files. Further keys name what was changed by hand."""
        user = _user(resource_id)
        if user is None:
            return None
        observed = {**inputs, "name": user.pw_name, "uid": user.pw_uid, "home": user.pw_dir}
        return Observed(inputs={**observed, **deviations(resource_id)}, outputs={})

    def update(self, resource_id: str, old: Inputs, new: Inputs) -> dict[str, Any]:
        """Put back home, shell, groups and the missing password."""
        self.create(new)
        return {}

    def delete(self, resource_id: str, inputs: Inputs) -> None:
        """End every process of the user, then remove user, group and subordinate ids."""
        uid = int(inputs["uid"])
        user = _user(resource_id)
        if user is None or user.pw_uid == uid:
            end_processes(self._executor, uid)
        if user is not None:
            self._change(["userdel", "--force", resource_id], gone=6)
        if _group(resource_id) is not None:
            self._change(["groupdel", resource_id], gone=6)
        for path in _SUBORDINATE:
            self._drop_subordinate(path, resource_id)
        if _user(resource_id) is not None:
            raise FailedError(f"the user {resource_id} is still there", code="account-left")

    def _restore(self, name: str, home: str) -> None:
        user = pwd.getpwnam(name)
        found = deviations(name)
        if user.pw_dir != home:
            self._change(["usermod", "--home", home, name])
        if "shell" in found:
            self._change(["usermod", "--shell", NO_SHELL, name])
        if "groups" in found:
            self._change(["usermod", "--groups", "", name])
        if "password" in found:
            self._change(["usermod", "--password", "!", name])

    def _change(self, argv: Sequence[str], *, gone: int = 0) -> None:
        """Run a program of shadow-utils; it ends at once when another one holds the lock."""
        deadline = time.monotonic() + _LOCK_SECONDS
        while True:
            ran = self._executor.run(argv, check=False)
            if ran.code in (0, gone):
                return
            if ran.code not in (1, 10) or "lock" not in ran.err or time.monotonic() > deadline:
                raise FailedError(
                    f"{argv[0]} failed ({ran.code}): {ran.err.strip()[-300:]}",
                    hint="look into /etc/passwd and /etc/group, then run the command again",
                    code="program-failed",
                )
            time.sleep(0.1)

    def _drop_subordinate(self, path: Path, name: str) -> None:
        """Take a user's lines out of /etc/subuid or /etc/subgid, under the lock of shadow-utils."""
        if not path.exists() or f"{name}:" not in path.read_text():
            return
        which = "--del-subuids" if path.name == "subuid" else "--del-subgids"
        for line in path.read_text().splitlines():
            owner, first, count = line.split(":")
            if owner == name:
                last = int(first) + int(count) - 1
                self._change(["usermod", which, f"{first}-{last}", name], gone=6)
        lines = [line for line in path.read_text().splitlines() if not line.startswith(f"{name}:")]
        self._executor.write(path, "".join(f"{line}\n" for line in lines), mode=0o644)


def deviations(name: str) -> dict[str, Any]:
    """Return what an account has beside what it was made with: shell, groups, password."""
    found: dict[str, Any] = {}
    user = pwd.getpwnam(name)
    if user.pw_shell != NO_SHELL:
        found["shell"] = user.pw_shell
    extra = sorted(group.gr_name for group in grp.getgrall() if name in group.gr_mem)
    if extra or user.pw_gid != user.pw_uid:
        found["groups"] = extra
    if not _locked(name):
        found["password"] = "set by hand"  # noqa: S105 - a word, not one
    return found


def _locked(name: str) -> bool:
    with contextlib.suppress(PermissionError, FileNotFoundError):
        for line in Path("/etc/shadow").read_text().splitlines():
            fields = line.split(":")
            if fields[0] == name:
                return fields[1].startswith(("!", "*"))
    return True


def end_processes(executor: Executor, uid: int) -> None:
    """End every process of a user: asked first, then killed.

    Raises:
        FailedError: some do not end; it names their pids.
    """
    for number, seconds in ((signal.SIGTERM, _TERM_SECONDS), (signal.SIGKILL, 10)):
        found = processes.of_uid(uid)
        if not found:
            return
        with executor.effect(f"signal {number.name} to a user's processes"):
            for pid in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
        wait_until(lambda: not processes.of_uid(uid), seconds=seconds)
    if left := processes.of_uid(uid):
        raise FailedError(
            f"processes of user {uid} do not end: {', '.join(map(str, left))}",
            hint="they may wait for a disk; look with ps, then run the command again",
            code="process-stuck",
        )


def _user(name: str) -> pwd.struct_passwd | None:
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(name)
    return None


def _group(name: str) -> grp.struct_group | None:
    with contextlib.suppress(KeyError):
        return grp.getgrnam(name)
    return None


def _refuse_taken(name: str, uid: int) -> None:
    """Raise RefusedError if the name has another number, or the number another name."""
    user, group = _user(name), _group(name)
    taken = [
        *([f"user {name} has the number {user.pw_uid}"] if user and user.pw_uid != uid else []),
        *([f"group {name} has the number {group.gr_gid}"] if group and group.gr_gid != uid else []),
    ]
    with contextlib.suppress(KeyError):
        if pwd.getpwuid(uid).pw_name != name:
            taken.append(f"the number {uid} belongs to the user {pwd.getpwuid(uid).pw_name}")
    with contextlib.suppress(KeyError):
        if grp.getgrgid(uid).gr_name != name:
            taken.append(f"the number {uid} belongs to the group {grp.getgrgid(uid).gr_name}")
    if taken:
        raise RefusedError(
            f"the account {name} ({uid}) cannot be made: {'; '.join(taken)}",
            hint="set host.uid_base in tenantry.yaml to a range that nobody uses",
            code="account-taken",
        )
