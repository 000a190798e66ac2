"""One cache's Redis: a server of its own behind a Unix socket, in memory alone."""

from __future__ import annotations

import hashlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tenantry.errors import FailedError
from tenantry.sandbox.parts import processes
from tenantry.sandbox.parts.erasing import erase
from tenantry.sandbox.parts.programs import find_redis

__all__ = ["RedisServer"]

_ADMINISTRATOR = "sandbox"
# What Azure keeps to itself: a client neither manages the server nor reads its settings.
_NOT_OFFERED = (
    *("acl", "bgrewriteaof", "bgsave", "config", "debug", "failover", "migrate", "module"),
    *("replicaof", "save", "shutdown", "slaveof"),
)
_PATIENCE = 20.0  # seconds until it answers


class RedisServer:
    """A Redis in a folder: settings, users, log and socket; data are in its memory and nowhere else."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "redis.sock"
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.RLock()
        self._owner = "redis" if os.geteuid() == 0 and _is_user("redis") else ""

    @property
    def running(self) -> bool:
        """Whether the server runs, started by us or by a sandbox before us."""
        if self._process is not None:
            return self._process.poll() is None
        return processes.recorded(self._record) is not None

    def apply(self, settings: Mapping[str, str], passwords: Sequence[str]) -> None:
        """Start it with these settings, or change it while it runs. Without passwords nobody signs in.

        Raises:
            FailedError: it does not start.
            MissingProgram: Redis is not installed.
        """
        with self._lock:
            self._prepare()
            self._write("users.acl", self._users(passwords))
            if self.running:
                commands = [f"CONFIG SET {name} {value}" for name, value in settings.items()]
                self._tell([*commands, "ACL LOAD"])  # which ends sessions, our own too
                return
            lines = {
                "port": "0",
                "unixsocket": str(self.socket),
                "unixsocketperm": "700",
                "aclfile": str(self.folder / "users.acl"),
                "save": '""',
                "appendonly": "no",
                "daemonize": "no",
                "dir": str(self.folder),
                **settings,
            }
            self._write("redis.conf", "".join(f"{name} {value}\n" for name, value in lines.items()))
            self._launch()

    def version(self) -> str:
        """Return the version that runs, "7.0"."""
        told = self._tell(["INFO server"])
        found = next((one for one in told.splitlines() if one.startswith("redis_version:")), ":")
        return ".".join(found.partition(":")[2].strip().split(".")[:2])

    def stop(self) -> None:
        """End it, and with it what it holds."""
        with self._lock:
            known = processes.recorded(self._record)
            if known is not None:
                processes.end_group(known[0], first=signal.SIGTERM, grace_seconds=10)
            if self._process is not None:
                self._process.wait()
                self._process = None
            self._record.unlink(missing_ok=True)

    def erase(self) -> None:
        """End it and erase its folder."""
        with self._lock:
            self.stop()
            erase(self.folder)

    @property
    def _record(self) -> Path:
        return self.folder / "process"

    def _launch(self) -> None:
        program = find_redis()
        self.socket.unlink(missing_ok=True)
        rights: dict[str, Any] = {}
        if self._owner:
            rights = {"user": self._owner, "group": self._owner, "extra_groups": []}
        with (self.folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(program), str(self.folder / "redis.conf")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env={"PATH": str(program.parent), "LC_ALL": "C.UTF-8"},
                start_new_session=True,  # an interrupt at the terminal is not for it
                **rights,
            )
        processes.write_record(self._record, self._process.pid)
        end = time.monotonic() + _PATIENCE
        while True:
            try:
                self._tell(["PING"])
            except OSError:
                if time.monotonic() > end or not self.running:
                    raise FailedError(f"Redis does not start, see {self.folder / 'redis.log'}") from None
                time.sleep(0.02)
            else:
                return

    def _tell(self, commands: Sequence[str]) -> str:
        """Give the server commands as its administrator; return the last answer."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(5)
            line.connect(str(self.socket))
            with line.makefile("rwb") as file:
                answer = ""
                for command in (f"AUTH {_ADMINISTRATOR} {self._own_password()}", *commands):
                    file.write(command.encode() + b"\r\n")
                    file.flush()
                    answer = _answer(file)
                return answer

    def _users(self, passwords: Sequence[str]) -> str:
        hashed = " ".join(f"#{_hash(one)}" for one in passwords)
        denied = " ".join(f"-{one}" for one in _NOT_OFFERED)
        everybody = f"on {hashed} ~* &* +@all {denied}" if passwords else "off"
        return (
            f"user default reset {everybody}\n"
            f"user {_ADMINISTRATOR} reset on #{_hash(self._own_password())} ~* &* +@all\n"
        )

    def _own_password(self) -> str:
        """Return the administrator's password, made once; the folder is closed to others."""
        file = self.folder / "administrator"
        if not file.exists():
            self._write(file.name, secrets.token_hex(24))
        return file.read_text(encoding="ascii")

    def _prepare(self) -> None:
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        self.folder.parent.chmod(0o711)  # whatever the umask: the server's user passes through
        self.folder.mkdir(exist_ok=True)
        if self._owner:
            shutil.chown(self.folder, self._owner, self._owner)
        self.folder.chmod(0o700)

    def _write(self, name: str, text: str) -> None:
        file = self.folder / name
        file.touch(mode=0o600)
        file.write_text(text, encoding="ascii")
        if self._owner:
            shutil.chown(file, self._owner, self._owner)


def _answer(file: Any) -> str:
    line = file.readline().decode().rstrip("\r\n")
    if not line:
        raise ConnectionResetError
    if line.startswith("-"):
        raise FailedError(f"Redis refuses: {line[1:]}")
    if line.startswith("$"):
        return str(file.read(int(line[1:]) + 2).decode())
    return str(line)


def _hash(password: str) -> str:
    return hashlib.sha256(password.encode()).hexdigest()  # the form that Redis keeps passwords in


def _is_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True
