"""The backup repositories of an instance, each under a passphrase of its own.

The database goes to pgBackRest (full backups and a write-ahead log archive:
any moment can be restored), the folders to restic (snapshots).
"""

from __future__ import annotations

import pulumi

from tenantry.components.host.props import InstanceProps
from tenantry.components.host.resource import HostResource
from tenantry.model.profile import FolderKind

__all__ = ["Backups", "backed_up_folders"]

_KEPT = frozenset({FolderKind.UPLOADS, FolderKind.PRIVATE, FolderKind.PUBLIC})


class Backups(pulumi.ComponentResource):
    """Where the database's and the folders' backups go."""

    def __init__(self, props: InstanceProps, *, opts: pulumi.ResourceOptions) -> None:
        super().__init__("tenantry:host:Backups", "backups", None, opts)
        if backed_up_folders(props):
            HostResource(
                "Snapshots",
                "folder-backups",
                {
                    "opaque": props.opaque,
                    "repoPath": str(props.layout.file_backups(props.opaque)),
                    "password": pulumi.Output.secret(props.secrets["backup.files.password"]),
                    "uid": props.uid,
                    "folders": backed_up_folders(props),
                    "keep": props.spec.backups.keep_snapshots,
                },
                pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({})

    def of_database(self, props: InstanceProps, database: pulumi.Resource) -> pulumi.Resource:
        """Declare where the database's backups go, once the database is there."""
        layout, opaque = props.layout, props.opaque
        return HostResource(
            "Stanza",
            "database-backups",
            {
                "opaque": opaque,
                "stanza": "main",
                "configFile": str(layout.private(opaque) / "pgbackrest.conf"),
                "repoPath": str(layout.database_backups(opaque)),
                "cipherPass": pulumi.Output.secret(props.secrets["backup.database.passphrase"]),
                "pgPath": str(layout.cluster(opaque, props.generation)),
                "socketFolder": str(layout.sockets(opaque)),
                "port": props.ports["database"],
                "lockPath": str(layout.private(opaque) / "pgbackrest-lock"),
                "logPath": str(layout.private(opaque) / "pgbackrest-log"),
                "spoolPath": str(layout.private(opaque) / "pgbackrest-spool"),
                "uid": props.uid,
                "retentionFull": props.spec.backups.keep_full,
                "archiveTimeout": props.spec.backups.archive_timeout_seconds,
            },
            pulumi.ResourceOptions(parent=self, depends_on=[database]),
        )


def backed_up_folders(props: InstanceProps) -> list[str]:
    """Return the paths of the folders that hold client data."""
    return [
        str(props.layout.folder(props.opaque, folder.name))
        for folder in props.profile.folders
        if folder.kind in _KEPT
    ]
