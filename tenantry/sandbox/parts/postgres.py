"""Flexible servers: each a real PostgreSQL behind a forwarder on an address of its own.

A deleted server is stopped and kept for five days; a PUT with ``createMode``
ReviveDropped brings it back with its rows, and after that it is erased. The
version that really runs is the installed one, told in ``minorVersion``.
Not here: point-in-time and geo restore, replicas, sign-in by directory.
"""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from tenantry.errors import TenantryError
from tenantry.providers.host.role import scram_verifier
from tenantry.sandbox.kinds import ArmFault, Cloud, Kind, Resource
from tenantry.sandbox.parts import postgres_rules as rules
from tenantry.sandbox.parts.cluster import SYSTEM_DATABASES, Cluster
from tenantry.sandbox.parts.forwarder import Forwarder
from tenantry.sandbox.parts.listener import Background
from tenantry.sandbox.parts.notes import folder_name, iso, moment, same, tidy
from tenantry.sandbox.parts.postgres_network import (
    endpoint_connections,
    judge,
    key_is_usable,
    pair_key_is_usable,
)
from tenantry.sandbox.parts.programs import find_postgres
from tenantry.sandbox.watch.filling import fill
from tenantry.sandbox.watch.gauges import ServerGauges
from tenantry.sandbox.watch.tails import Tails

__all__ = ["FlexibleServers", "Issue"]

Issue = Callable[[list[str]], tuple[bytes, bytes]]  # names → certificate and key, PEM

_KEPT = timedelta(days=5)
_NOTES, _PASSWORDS, _DROPPED = "postgres/server/", "postgres/password/", "postgres/dropped/"
# What a revived server has of the dropped one, beside its size and databases.
_REVIVED = ("administratorLogin", "version", "storage", "authConfig")
_TICKS_BEFORE_1970 = 621_355_968_000_000_000
_log = logging.getLogger(__name__)


class FlexibleServers(Kind):
    """The servers; their children ask it for the cluster."""

    type = rules.SERVER

    def __init__(self, *, issue: Issue, settings: Sequence[str] = ()) -> None:
        """``settings`` are the names of configurations that every server has."""
        self._issue = issue
        self._settings = settings
        self._programs: Path | None = None
        self._clusters: dict[str, Cluster] = {}  # by folder
        self._forwarders: dict[str, Forwarder] = {}
        self._background: Background | None = None
        self._gauges = ServerGauges()
        self._tails = Tails()
        self._busy: list[threading.Thread] = []
        self._lock = threading.RLock()

    def admit(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Refuse what Azure refuses; the password is taken out of the body here, for good."""
        rules.check_server(new)
        if old is None or self.note(cloud, new.id) is None:  # there is none yet, or its creation failed
            rules.check_region(new)
            rules.check_create(new)
            if self._revives(new):
                self._dropped(cloud, new)
        else:
            rules.check_update(new, old)
        password = new.properties.pop("administratorLoginPassword", None)
        if password:
            known = old.properties if old else new.properties
            rules.check_password(str(password), str(known.get("administratorLogin")))
            verifier = scram_verifier(str(password))
            cloud.remember(_PASSWORDS + tidy(new.id), {"verifier": verifier})

    def put(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Make or revive the cluster, or change the one that is there."""
        note = self.note(cloud, new.id)
        begins, revives = note is None, note is None and self._revives(new)
        rules.fill_in(new, old)
        if not key_is_usable(cloud, new):
            raise ArmFault(400, "CMKKeyNotUsable", "The key named by dataEncryption cannot be used.")
        if note is None and not pair_key_is_usable(cloud, new):
            raise ArmFault(
                400,
                "CMKInvalidEncryptionParameters",
                "A server with geo-redundant backups and a customer's key needs an identity and a key of a "
                "vault in the paired region, too.",
            )
        if note is None:
            note = self._take_over(cloud, new) if revives else self._begin(cloud, new)
        # The source is told of a replica only.
        for name in ("createMode", "pointInTimeUTC", "sourceServerResourceId"):
            new.properties.pop(name, None)
        cluster = self.cluster(cloud, note)
        password = cloud.recall(_PASSWORDS).get(_PASSWORDS + tidy(new.id), {}).get("verifier", "")
        if note.get("stopped"):
            self._describe(cloud, new, note)
            return
        cluster.make(login=note["login"], verifier=password)
        if password:
            cluster.set_password(note["login"], password)
            cloud.remember(_PASSWORDS + tidy(new.id), None)
        self._open(cloud, new.id, new.name, note)
        self._describe(cloud, new, note)
        if begins:
            cloud.save(new)
            self.sync_databases(cloud, new)
            for name in self._settings:
                self._child(cloud, new.id, "configurations", name, {})
            self._later(lambda: self.back_up(cloud, new.id, self._automatic_name(cloud), automatic=True))

    def get(self, cloud: Cloud, resource: Resource) -> None:
        """Tell what really runs; a server that should run and does not is started again."""
        note = self.note(cloud, resource.id)
        if note is None:
            return
        cluster = self.cluster(cloud, note)
        if not note.get("stopped") and not note.get("inaccessible") and cluster.exists:
            with contextlib.suppress(TenantryError):
                cluster.start()
                self.sync_databases(cloud, resource)
        self._describe(cloud, resource, note)

    def delete(self, cloud: Cloud, resource: Resource) -> None:
        """Stop it and keep it for five days. Its on-demand backups go with it."""
        note = self.note(cloud, resource.id)
        if note is None:
            return
        self._wait_for_backups()
        self._close(note)
        self.cluster(cloud, note).stop()
        cloud.release(self.host(cloud, resource.name))
        dropped = {
            **note,
            "id": resource.id,
            "location": resource.location,
            "properties": resource.properties,
            "sku": resource.body.get("sku"),
            "databases": {
                one.name: one.properties for one in cloud.children(resource.id, f"{self.type}/databases")
            },
            "until": iso(cloud.now() + _KEPT),
        }
        cloud.remember(_DROPPED + note["folder"], dropped)
        cloud.remember(_NOTES + tidy(resource.id), None)
        cloud.remember(_PASSWORDS + tidy(resource.id), None)

    def action(
        self, cloud: Cloud, resource: Resource, action: str, body: dict[str, Any]
    ) -> dict[str, Any] | None:
        """Start, stop or restart."""
        note = self.note(cloud, resource.id)
        if note is None or action not in {"start", "stop", "restart"}:
            return super().action(cloud, resource, action, body)
        if note.get("inaccessible"):
            raise ArmFault(409, "ServerNotAccessible", "The server's key cannot be used.")
        if action == "restart" and note.get("stopped"):
            raise ArmFault(409, "ServerNotRunning", "A stopped server cannot be restarted.")
        if action != "start":
            self._close(note)
            self.cluster(cloud, note).stop()
        if action != "stop":
            self.cluster(cloud, note).start()
            self._open(cloud, resource.id, resource.name, note)
        self._note(cloud, resource.id, {**note, "stopped": action == "stop"})
        self.get(cloud, resource)
        return None

    def resume(self, cloud: Cloud) -> None:
        """Start every server again that was not stopped."""
        for note in cloud.recall(_NOTES).values():
            if not note.get("stopped") and not note.get("inaccessible"):
                cluster = self.cluster(cloud, note)
                try:
                    if cluster.exists:
                        cluster.start()
                        self._open(cloud, note["id"], note["name"], note)
                except (TenantryError, OSError):
                    _log.exception("the server %s does not start", note["name"])

    def sweep(self, cloud: Cloud) -> None:
        """Erase what was kept long enough, look after keys, take and drop automatic backups."""
        for key, dropped in cloud.recall(_DROPPED).items():
            if moment(dropped["until"]) <= cloud.now():
                self.cluster(cloud, dropped).erase()
                self._clusters.pop(dropped["folder"], None)
                cloud.remember(key, None)
        for note in cloud.recall(_NOTES).values():
            server = cloud.find(note["id"])
            if server is not None:
                self._follow_key(cloud, server, note)
                self._rotate_backups(cloud, server)
                self._observe(cloud, server)

    def stop(self, cloud: Cloud) -> None:
        """End every cluster and the forwarders' thread."""
        self._wait_for_backups()
        for forwarder in self._forwarders.values():
            forwarder.stop()
        self._forwarders.clear()
        for note in cloud.recall(_NOTES).values():
            self.cluster(cloud, note).stop()
        if self._background is not None:
            self._background.close()
            self._background = None

    def note(self, cloud: Cloud, server_id: str) -> dict[str, Any] | None:
        """Return what is kept about a server: folder, login, whether it was stopped."""
        return cloud.recall(_NOTES + tidy(server_id)).get(_NOTES + tidy(server_id))

    def change_note(self, cloud: Cloud, server_id: str, **more: Any) -> None:
        """Keep something more about a server."""
        self._note(cloud, server_id, {**(self.note(cloud, server_id) or {}), **more})

    def cluster(self, cloud: Cloud, note: dict[str, Any]) -> Cluster:
        """Return the cluster of a note."""
        with self._lock:
            if self._programs is None:
                self._programs = find_postgres()
            folder = note["folder"]
            if folder not in self._clusters:
                place = cloud.folder / "postgres" / folder
                self._clusters[folder] = Cluster(place, programs=self._programs)
            return self._clusters[folder]

    def running(self, cloud: Cloud, server_id: str) -> tuple[dict[str, Any], Cluster]:
        """Return note and cluster of a server that runs. ArmFault 409 when it does not."""
        note = self.note(cloud, server_id)
        if note is None or note.get("stopped") or note.get("inaccessible"):
            raise ArmFault(409, "ServerNotRunning", "The server is not in the state Ready.")
        return note, self.cluster(cloud, note)

    def host(self, cloud: Cloud, name: str) -> str:
        """Return the full host name of a server."""
        return f"{name}.postgres.database.{cloud.suffix}"

    def back_up(self, cloud: Cloud, server_id: str, name: str, *, automatic: bool) -> dict[str, Any]:
        """Take a copy; an automatic one becomes a resource here, the other one is one already."""
        _, cluster = self.running(cloud, server_id)
        cluster.back_up(name)
        properties = {
            "backupType": "Full" if automatic else "Customer On-Demand",
            "completedTime": iso(cloud.now()),
            "source": "Automatic" if automatic else "Customer Initiated",
        }
        if automatic and cloud.find(server_id) is not None:
            self._child(cloud, server_id, "backups", name, properties)
        return properties

    def sync_databases(self, cloud: Cloud, server: Resource) -> None:
        """Make Resource Manager's list of databases what it is; SQL makes databases too."""
        note = self.note(cloud, server.id)
        if note is None:
            return
        known = {one.name for one in cloud.children(server.id, f"{self.type}/databases")}
        for name, properties in self.cluster(cloud, note).databases().items():
            if name not in known:
                self._child(cloud, server.id, "databases", name, properties)

    @staticmethod
    def is_system(database: str) -> bool:
        """Say whether a database is Azure's own."""
        return database in SYSTEM_DATABASES

    def _child(self, cloud: Cloud, server_id: str, kind: str, name: str, properties: dict[str, Any]) -> None:
        identity, type_ = f"{server_id}/{kind}/{name}", f"{self.type}/{kind}"
        body = {"id": identity, "name": name, "type": type_, "properties": properties}
        cloud.save(Resource(id=identity, type=type_, name=name, location="", body=body))

    def _begin(self, cloud: Cloud, new: Resource) -> dict[str, Any]:
        note = {
            "id": new.id,
            "name": new.name,
            "folder": folder_name(new.id, cloud.now()),
            "login": new.properties["administratorLogin"],
        }
        self._note(cloud, new.id, note)
        return note

    def _take_over(self, cloud: Cloud, new: Resource) -> dict[str, Any]:
        key, dropped = self._dropped(cloud, new)
        note = {"id": new.id, "name": new.name, "folder": dropped["folder"], "login": dropped["login"]}
        self._note(cloud, new.id, note)
        cloud.remember(key, None)
        was = dropped["properties"]
        new.properties.update({name: was[name] for name in _REVIVED if name in was})
        new.body.setdefault("sku", dropped["sku"])
        for name, properties in dropped["databases"].items():
            self._child(cloud, new.id, "databases", name, properties)
        return note

    def _dropped(self, cloud: Cloud, new: Resource) -> tuple[str, dict[str, Any]]:
        """Return what was kept of the server that is to be revived, the last one of that id."""
        source = str(new.properties["sourceServerResourceId"])
        found = [one for one in cloud.recall(_DROPPED).items() if same(one[1]["id"], source)]
        if not found:
            raise ArmFault(404, "SourceServerNotFound", f"No dropped server {source} can be restored.")
        key, dropped = max(found, key=lambda one: str(one[1]["until"]))
        if not same(dropped["location"], new.location):
            raise ArmFault(400, "InvalidParameterValue", "A dropped server is restored in its own region.")
        return key, dropped

    def _revives(self, new: Resource) -> bool:
        return str(new.properties.get("createMode") or "").lower() == rules.REVIVE

    def _note(self, cloud: Cloud, server_id: str, note: dict[str, Any]) -> None:
        cloud.remember(_NOTES + tidy(server_id), note)

    def _describe(self, cloud: Cloud, resource: Resource, note: dict[str, Any]) -> None:
        properties = resource.properties
        state = "Ready" if self.cluster(cloud, note).running else "Disabled"
        if note.get("stopped"):
            state = "Stopped"
        if note.get("inaccessible"):
            state = "Inaccessible"
        properties.update(
            administratorLogin=note["login"],
            state=state,
            fullyQualifiedDomainName=self.host(cloud, resource.name),
            minorVersion=_version(self._programs),
            privateEndpointConnections=endpoint_connections(cloud, resource),
        )
        if (properties.get("dataEncryption") or {}).get("type") == "AzureKeyVault":
            status = "Invalid" if note.get("inaccessible") else "Valid"
            properties["dataEncryption"]["primaryEncryptionKeyStatus"] = status
            if properties["dataEncryption"].get("geoBackupKeyURI"):
                status = "Valid" if pair_key_is_usable(cloud, resource) else "Invalid"
                properties["dataEncryption"]["geoBackupEncryptionKeyStatus"] = status
        backups = cloud.children(resource.id, f"{self.type}/backups")
        if times := [str(one.properties["completedTime"]) for one in backups if _is_taken(one)]:
            properties["backup"] = {**(properties.get("backup") or {}), "earliestRestoreDate": min(times)}

    def _open(self, cloud: Cloud, server_id: str, name: str, note: dict[str, Any]) -> None:
        with self._lock:
            if note["folder"] in self._forwarders:
                return
            if self._background is None:
                self._background = Background()
            cluster, host = self.cluster(cloud, note), self.host(cloud, name)
            files = cluster.folder / "tls.crt", cluster.folder / "tls.key"
            for path, data in zip(files, self._issue([host]), strict=True):
                _write(path, data)
            forwarder = Forwarder(
                self._background,
                cluster,
                address=cloud.address(host),
                certificate=files[0],
                key=files[1],
                admits=lambda peer: judge(cloud, server_id, peer),
                needs_tls=lambda: self._needs_tls(cloud, server_id),
            )
            forwarder.start()
            self._forwarders[note["folder"]] = forwarder

    def _needs_tls(self, cloud: Cloud, server_id: str) -> bool:
        settings = (self.note(cloud, server_id) or {}).get("settings") or {}
        return str(settings.get("require_secure_transport", "on")).lower() not in {"off", "false"}

    def _close(self, note: dict[str, Any]) -> None:
        with self._lock:
            forwarder = self._forwarders.pop(note["folder"], None)
        if forwarder is not None:
            forwarder.stop()

    def _follow_key(self, cloud: Cloud, server: Resource, note: dict[str, Any]) -> None:
        usable = key_is_usable(cloud, server)
        if usable is not bool(note.get("inaccessible")):
            return
        if usable and not note.get("stopped"):
            self.cluster(cloud, note).start()
            self._open(cloud, server.id, server.name, note)
        elif not usable:
            self._close(note)
            self.cluster(cloud, note).stop()
        self.change_note(cloud, server.id, inaccessible=not usable)
        self.get(cloud, server)
        cloud.save(server)

    def _rotate_backups(self, cloud: Cloud, server: Resource) -> None:
        """One automatic backup a day, each kept for the server's retention."""
        note = self.note(cloud, server.id) or {}
        if note.get("stopped") or note.get("inaccessible"):
            return
        days = int((server.properties.get("backup") or {}).get("backupRetentionDays") or 7)
        newest = None
        for backup in filter(_is_taken, cloud.children(server.id, f"{self.type}/backups")):
            when = moment(backup.properties["completedTime"])
            if backup.properties.get("backupType") == "Full":
                newest = max(newest or when, when)
            if when + timedelta(days=days) <= cloud.now():
                self.cluster(cloud, note).remove_backup(backup.name)
        if newest is not None and newest + timedelta(days=1) <= cloud.now():
            with contextlib.suppress(TenantryError, ArmFault):
                self.back_up(cloud, server.id, self._automatic_name(cloud), automatic=True)

    def _observe(self, cloud: Cloud, server: Resource) -> None:
        """Measure it, and send what its log has new where its settings say."""
        note = self.note(cloud, server.id) or {}
        if note.get("stopped") or note.get("inaccessible"):
            return
        cluster = self.cluster(cloud, note)
        if cluster.exists:
            fill(cloud, server, cluster.data)
            self._gauges.measure(cloud, server, cluster)
            names = {"LogicalServerName_s": server.name, "LogicalServerName": server.name}
            lines = self._tails.new_lines(cloud, server.id, cluster.log)
            cloud.log(server.id, "PostgreSQLLogs", *({"Message": line, **names} for line in lines))

    def _automatic_name(self, cloud: Cloud) -> str:
        return f"backup_{int(cloud.now().timestamp() * 10_000_000) + _TICKS_BEFORE_1970}"

    def _later(self, work: Callable[[], object]) -> None:
        def guarded() -> None:
            try:
                work()
            except (TenantryError, ArmFault, OSError):
                _log.exception("an automatic backup failed")

        thread = threading.Thread(target=guarded, name="backup", daemon=True)
        self._busy.append(thread)
        thread.start()

    def _wait_for_backups(self) -> None:
        while self._busy:
            self._busy.pop().join()


def _is_taken(backup: Resource) -> bool:
    """Say whether a backup is finished; one that is being taken is listed as well."""
    return "completedTime" in backup.properties


def _version(programs: Path | None) -> str:
    if programs is None:
        return ""
    done = subprocess.run([str(programs / "postgres"), "-V"], capture_output=True, text=True, check=False)
    return next((word for word in done.stdout.split() if word[:1].isdigit()), "")


def _write(path: Path, data: bytes) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
