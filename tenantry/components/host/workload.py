"""What runs in an instance: its package, migration and bootstrap, processes, and the way in.

A process is started only after the migration and the bootstrap have proved
their effect. Not done here: a second copy of a process, a rolling restart.
"""

from __future__ import annotations

from typing import Any

import pulumi

from tenantry.components.host.props import InstanceProps
from tenantry.components.host.resource import HostResource
from tenantry.model.profile import FolderKind, OneOff, Process
from tenantry.model.spec import TlsMode

__all__ = ["Workload"]


class Workload(pulumi.ComponentResource):
    """Package, one-off tasks, processes and site of one instance."""

    def __init__(self, props: InstanceProps, *, opts: pulumi.ResourceOptions) -> None:
        super().__init__("tenantry:host:Workload", "workload", None, opts)
        before: list[pulumi.Resource] = []
        folder: pulumi.Input[str] = str(props.layout.home(props.opaque))
        if props.profile.package is not None:
            package = HostResource(
                "Package",
                "package",
                {"source": str(props.profile.package.folder), "opaque": props.opaque},
                pulumi.ResourceOptions(parent=self),
                outputs=("path",),
            )
            folder = package.output("path")
            before = [package]
        for kind, task in (("migration", props.profile.migration), ("bootstrap", props.profile.bootstrap)):
            if task is not None:
                made = self._task(props, kind, task, folder, before)
                before = [made]
        for process in props.profile.processes:
            self._process(props, process, folder, before)
        self._site(props)
        self.register_outputs({})

    def _task(
        self,
        props: InstanceProps,
        kind: str,
        task: OneOff,
        folder: pulumi.Input[str],
        before: list[pulumi.Resource],
    ) -> pulumi.Resource:
        inputs: dict[str, Any] = {
            "kind": kind,
            "argv": props.command(task.command),
            "env": pulumi.Output.secret(dict(props.task_environment)),
            "uid": props.uid,
            "cwd": folder,
            "timeoutSeconds": task.timeout_seconds,
            "proof": task.proof,
            "version": props.version,
            "socketFolder": str(props.layout.sockets(props.opaque)),
            "port": props.ports["database"],
            "database": props.database_name,
        }
        return HostResource("Task", kind, inputs, pulumi.ResourceOptions(parent=self, depends_on=before))

    def _process(
        self,
        props: InstanceProps,
        process: Process,
        folder: pulumi.Input[str],
        before: list[pulumi.Resource],
    ) -> None:
        environment = dict(props.environment)
        if process.listens:
            environment["PORT"] = str(props.ports[process.name])
        HostResource(
            "Process",
            f"process-{process.name}",
            {
                "id": f"{props.opaque}-{process.name}",
                "opaque": props.opaque,
                "argv": props.command(process.command),
                "env": pulumi.Output.secret(environment),
                "uid": props.uid,
                "cwd": folder,
                "stopSignal": process.stop_signal,
                "graceSeconds": process.grace_seconds,
                "cleanExitCodes": list(process.clean_exit_codes),
                "logFolder": str(props.layout.logs(props.opaque, process.name)),
                "logRetentionDays": props.spec.log_retention_days,
                "wanted": "down" if props.suspended else "up",
            },
            pulumi.ResourceOptions(parent=self, depends_on=before),
        )

    def _site(self, props: InstanceProps) -> None:
        listening = [process for process in props.profile.processes if process.listens]
        if not listening:
            return
        tls = props.spec.tls
        files: dict[str, str] = {}
        if tls.mode is TlsMode.FILES:
            files = {"certificateFile": str(tls.certificate_file), "keyFile": str(tls.key_file)}
        HostResource(
            "Site",
            "site",
            {
                "opaque": props.opaque,
                "hostname": props.spec.hostname,
                "upstreamPort": props.ports[listening[0].name],
                "tls": {"mode": str(tls.mode), **files},
                "publicFolders": [
                    {"path": folder.name, "folder": str(props.layout.folder(props.opaque, folder.name))}
                    for folder in props.profile.folders
                    if folder.kind is FolderKind.PUBLIC
                ],
            },
            pulumi.ResourceOptions(parent=self),
        )
