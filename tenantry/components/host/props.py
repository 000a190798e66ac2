"""What the components of a host's instance are told: plain values, decided before.

Paths come from HostLayout, numbers from the register, secrets from the vault.
Nothing here looks at the machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tenantry.model.profile import Profile
from tenantry.model.spec import HostSettings, InstanceSpec
from tenantry.providers.host.layout import HostLayout

__all__ = ["InstanceProps"]


@dataclass(frozen=True, kw_only=True)
class InstanceProps:
    """One instance on a host."""

    opaque: str
    uid: int  # of the Unix user that everything belongs to
    as_root: bool  # False: that is the invoking user, and nothing fences instances off
    proxy_uid: int | None
    layout: HostLayout
    settings: HostSettings
    spec: InstanceSpec
    profile: Profile
    ports: Mapping[str, int]
    generation: int
    suspended: bool
    postgres_bin: Path
    runtime_program: Path | None  # the interpreter; stands for its name in commands
    secrets: Mapping[str, str] = field(repr=False)
    environment: Mapping[str, str] = field(repr=False)  # of the processes
    task_environment: Mapping[str, str] = field(repr=False)  # of bootstrap and migration

    @property
    def version(self) -> str:
        """The workload's version."""
        return self.spec.version or self.profile.version

    @property
    def database_name(self) -> str:
        """The database's name: opaque, as everything that a host sees."""
        return self.opaque

    def command(self, argv: tuple[str, ...]) -> list[str]:
        """Return argv with the runtime's name replaced by the interpreter's path."""
        if self.runtime_program is not None and argv[0] == self.profile.runtime.name:
            return [str(self.runtime_program), *argv[1:]]
        return list(argv)
