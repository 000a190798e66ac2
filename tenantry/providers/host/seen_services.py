"""What is seen of services under the supervisor of a host; nothing of it is changed."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tenantry.providers.host import processes, service_files
from tenantry.providers.host.executor import Executor
from tenantry.providers.host.layout import HostLayout
from tenantry.providers.host.service_files import Service
from tenantry.providers.host.supervisor import listens

__all__ = ["ProcessStatus", "SeenServices", "on_its_way", "service_ids"]


@dataclass(frozen=True, kw_only=True)
class ProcessStatus:
    """A service as the supervisor sees it."""

    up: bool
    pid: int | None
    wanted: bool  # False: stopped on purpose, by us or by hand
    since: float  # Unix time of the last change between up and down
    exit_code: int | None  # while it is down: how it ended; None: by a signal
    settled: bool  # it is the program, no more the script that leads to it
    current: bool  # it runs what the service's folder describes now


def service_ids(layout: HostLayout, opaque: str = "") -> Sequence[str]:
    """Return the services of an instance (of all, without a name) that the scan folder holds."""
    if not layout.services.is_dir():
        return []
    names = sorted(path.name for path in layout.services.iterdir() if not path.name.startswith("."))
    return [name for name in names if name.startswith(opaque)]


class SeenServices:
    """Services as their folders and the supervisor tell of them."""

    def __init__(self, executor: Executor, layout: HostLayout) -> None:
        """Keep what is needed; nothing is looked at yet."""
        self._executor = executor
        self._layout = layout

    def status(self, service_id: str) -> tuple[bool, int | None]:
        """Return whether a service's process runs, and its pid."""
        found = self.look(service_id)
        return (False, None) if found is None else (found.up, found.pid)

    def look(self, service_id: str) -> ProcessStatus | None:
        """Return how a service is; None: the supervisor does not have it."""
        if not self._supervise_listens(service_id):
            return None
        fields = "up,wantedup,pid,exitcode,updownfor"
        ran = self._executor.run(
            ["s6-svstat", "-o", fields, str(self._folder(service_id))], effect=False, check=False
        )
        words = ran.out.split()
        if ran.code != 0 or len(words) != len(fields.split(",")):
            return None
        pid = int(words[2]) if words[2] != "-1" else None
        return ProcessStatus(
            up=words[0] == "true",
            pid=pid,
            wanted=words[1] == "true",
            since=time.time() - int(words[4]),
            exit_code=int(words[3]) if words[3] != "-1" else None,
            settled=pid is not None and not on_its_way(pid),
            current=pid is not None and self._started(service_id) == (self._digest(service_id), str(pid)),
        )

    def logs(self, service_id: str) -> bool:
        """Say whether a service's output arrives in its log folder; True for one that has none.

        The logger holds its folder open: were that deleted, it would go on writing to nowhere.
        """
        service, _ = self.described(service_id)
        return service is None or service.log_folder is None or (service.log_folder / "current").exists()

    def environment(self, service_id: str) -> dict[str, str]:
        """Return the environment that a service is started with; it may hold secrets."""
        with contextlib.suppress(OSError, ValueError):
            return dict(json.loads((self._folder(service_id) / "env.json").read_text()))
        return {}

    def described(self, service_id: str) -> tuple[Service | None, bool]:
        """Return the service that its folder describes, and whether every file is as we wrote it."""
        folder = self._folder(service_id)
        try:
            told = json.loads((folder / "definition.json").read_text())
            wanted = not (folder / "down").exists()
            service = service_files.from_definition(
                service_id, told, env=self.environment(service_id), wanted=wanted
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None, False
        return service, not self._differing(service)

    # Below: the parts of the above, and of who changes services.

    @property
    def _workshop(self) -> Path:
        """Where folders of services are made, beside the scan folder (rename needs one file system)."""
        return self._layout.runtime / ".services"

    def _folder(self, service_id: str) -> Path:
        return self._layout.services / service_id

    def _lock(self, service_id: str) -> Path:
        return self._workshop / f"{service_id}.lock"

    def _supervise_listens(self, service_id: str) -> bool:
        return listens(self._folder(service_id) / "supervise" / "control")

    def _digest(self, service_id: str) -> str:
        service, _ = self.described(service_id)
        return "" if service is None else service_files.digest(service)

    def _started(self, service_id: str) -> tuple[str, str]:
        """Return digest and pid that the last run of the service wrote down."""
        try:
            words = (self._folder(service_id) / "started").read_text().split()
        except OSError:
            words = []
        return (words[0], words[1]) if len(words) == 2 else ("", "")  # noqa: PLR2004

    def _differing(self, service: Service) -> dict[str, tuple[str, int]]:
        """Return the files that are not what the service asks for."""
        folder = self._folder(service.id)
        wanted = service_files.render(service, lock=self._lock(service.id))
        return {name: file for name, file in wanted.items() if _on_disk(folder / name) != file}

    def _unlocked(self, service_id: str) -> bool:
        """Say whether nothing of a service runs that holds its lock."""
        try:
            descriptor = os.open(self._lock(service_id), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(descriptor)
        return True


def on_its_way(pid: int) -> bool:
    """Say whether a process is not yet the program: still a child of s6-supervise, or the run script."""
    words = processes.command(pid)  # empty for a moment in the middle of an exec
    return not words or words[-1] == "./run" or words[0] in ("s6-supervise", "/usr/bin/setpriv")


def _on_disk(path: Path) -> tuple[str, int] | None:
    try:
        return path.read_text(), path.stat().st_mode & 0o777
    except OSError:
        return None
