"""Where an instance's data lies: its volume, encrypted where the kernel allows, and its folders.

Not done here: shrinking a volume.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pulumi

from tenantry.components.host.props import InstanceProps
from tenantry.components.host.resource import HostResource
from tenantry.model.profile import FolderKind

__all__ = ["Storage"]

_DATA = frozenset({FolderKind.UPLOADS, FolderKind.PRIVATE, FolderKind.PUBLIC})


class Storage(pulumi.ComponentResource):
    """The volume under an instance's home, its folders, and the folder of its backups."""

    def __init__(self, props: InstanceProps, *, opts: pulumi.ResourceOptions) -> None:
        super().__init__("tenantry:host:Storage", "storage", None, opts)
        layout, opaque = props.layout, props.opaque
        volume = HostResource(
            "Volume",
            "volume",
            {
                "path": str(layout.home(opaque)),
                "image": str(layout.volume(opaque)),
                "sizeGib": props.spec.limits.disk_gib,
                "uid": props.uid,
                "method": "auto",
                "key": pulumi.Output.secret(props.secrets["volume.key"]),
            },
            pulumi.ResourceOptions(parent=self),
            outputs=("method",),
        )
        self.method = volume.output("method")  # unknown in a preview: only then is it made
        on_volume = pulumi.ResourceOptions(parent=self, depends_on=[volume])
        self.database = self._plain(props, layout.home(opaque) / "pg", "database-folder", on_volume)
        files = self._plain(props, layout.home(opaque) / "files", "files", on_volume)
        self._plain(props, layout.home(opaque) / "logs", "logs", on_volume)
        for folder in props.profile.folders:
            kind = "DataFolder" if folder.kind in _DATA else "Folder"
            HostResource(
                kind,
                f"folder-{folder.name}",
                _inputs(props, layout.folder(opaque, folder.name)),
                pulumi.ResourceOptions(parent=self, depends_on=[files]),
            )
        self.backups = self._plain(
            props, layout.database_backups(opaque).parent, "backups", pulumi.ResourceOptions(parent=self)
        )
        self.register_outputs({"method": self.method})

    def _plain(
        self, props: InstanceProps, path: Path, name: str, opts: pulumi.ResourceOptions
    ) -> pulumi.Resource:
        kind = "Folder" if name == "logs" else "DataFolder"
        return HostResource(kind, name, _inputs(props, path), opts)


def _inputs(props: InstanceProps, path: Path) -> dict[str, Any]:
    return {"path": str(path), "uid": props.uid, "mode": 0o700}
