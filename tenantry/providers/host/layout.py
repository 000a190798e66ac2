"""Where things lie on a host. Pure: paths only, nothing is touched.

<root>/                      0711  survives a reboot
    <opaque>/                0700  the instance's home; a mount where it is encrypted
        pg/g<N>/                   data folder of the database, generation N
        files/<folder>/            uploads and other folders of the workload
        logs/<process>/            rotated logs
    volumes/<opaque>.img           encrypted volume that is mounted on the home
    backups/<opaque>/pg, files     repositories of pgBackRest and restic
    packages/<digest>/             workloads, read-only, shared
    proxy/                         certificates of the proxy's own authority
<runtime>/                   0711  on tmpfs: gone after a reboot
    <opaque>/                0700  secrets (0400), sockets, pgBackRest's settings and locks
    services/                      the supervisor's scan folder
    proxy/                         the proxy's sites and admin socket
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

__all__ = ["HostLayout"]


@dataclass(frozen=True)
class HostLayout:
    """The folders of one host; two workspaces on one machine use two roots."""

    root: Path
    runtime: Path

    @property
    def host_id(self) -> str:
        """A short name of this root, for what a machine has only one name space for."""
        return hashlib.sha256(str(self.root).encode()).hexdigest()[:8]

    def home(self, opaque: str) -> Path:
        """The instance's home."""
        return self.root / opaque

    def cluster(self, opaque: str, generation: int) -> Path:
        """The data folder of a generation of the instance's database cluster."""
        return self.home(opaque) / "pg" / f"g{generation}"

    def folder(self, opaque: str, name: str) -> Path:
        """A folder of the workload."""
        return self.home(opaque) / "files" / name

    def logs(self, opaque: str, process: str) -> Path:
        """The folder of a process's logs."""
        return self.home(opaque) / "logs" / process

    def volume(self, opaque: str) -> Path:
        """The image of the encrypted volume under the home."""
        return self.root / "volumes" / f"{opaque}.img"

    def database_backups(self, opaque: str) -> Path:
        """PgBackRest's repository."""
        return self.root / "backups" / opaque / "pg"

    def file_backups(self, opaque: str) -> Path:
        """Restic's repository."""
        return self.root / "backups" / opaque / "files"

    @property
    def packages(self) -> Path:
        """Workload packages by digest."""
        return self.root / "packages"

    def private(self, opaque: str) -> Path:
        """The instance's folder on tmpfs."""
        return self.runtime / opaque

    def secrets(self, opaque: str) -> Path:
        """Files with secrets, 0400, on tmpfs."""
        return self.private(opaque) / "secrets"

    def sockets(self, opaque: str) -> Path:
        """The folder of the database's socket."""
        return self.private(opaque) / "pg"

    @property
    def services(self) -> Path:
        """The supervisor's scan folder."""
        return self.runtime / "services"

    @property
    def proxy_state(self) -> Path:
        """What the proxy keeps: its own authority, certificates."""
        return self.root / "proxy"

    @property
    def proxy_runtime(self) -> Path:
        """The proxy's sites and its admin socket."""
        return self.runtime / "proxy"
