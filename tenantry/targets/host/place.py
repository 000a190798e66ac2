"""Where one instance may have left something on its host."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tenantry.ports import Instance
from tenantry.providers.host.layout import HostLayout
from tenantry.targets.host import leaks, look

__all__ = ["Place"]


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where one instance may have left something. One look needs one place: it keeps what it found."""

    marks: look.Marks
    layout: HostLayout
    private: Path  # the workspace's folder with vault and engine state
    hostname: str  # "" when another instance has it now
    sought: leaks.Sought = dataclasses.field(default_factory=leaks.Sought)

    @cached_property
    def paths(self) -> tuple[Path, ...]:
        """Every file or folder of the instance; several asset types share this look."""
        return tuple(look.paths(self.marks, beside=[self.layout.root, self.layout.runtime, self.private]))

    @classmethod
    def of(
        cls, instance: Instance, *, layout: HostLayout, private: Path, sought: leaks.Sought | None = None
    ) -> Place:
        """Return the place of an instance; without ``sought``, logs are not searched for anything."""
        hostname = instance.url.removeprefix("https://").split(":")[0].split("/")[0]
        marks = look.Marks(opaque=instance.opaque, uid=instance.uid, ports=frozenset(instance.ports.values()))
        return cls(
            marks=marks, layout=layout, private=private, hostname=hostname, sought=sought or leaks.Sought()
        )
