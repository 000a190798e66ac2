"""A PostgreSQL cluster of one instance: data folder, settings, running server.

The data folder is made beside its place and renamed into it, so that a half
made one is never mistaken for a cluster. A data folder that is gone is
reported (``data-lost``) and never made anew. What was changed by hand shows as
further keys beside the inputs: ``mode``, ``owner``, ``configuration`` (the files that
differ), ``settings`` (what is in force), ``running`` and ``publicAccess``.

Not done here: databases and roles (Database, Role), archiving (Stanza), the
secrets and certificates it reads (files on tmpfs, made before).
"""

# ruff: noqa: ARG002 - the signatures are those of Handler
from __future__ import annotations

import os
import pwd
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from tenantry.errors import FailedError, RefusedError, TenantryError, UnavailableError
from tenantry.providers.handler import Inputs, Observed, check_known
from tenantry.providers.host import children, cluster_files, marks, owned
from tenantry.providers.host.executor import Executor
from tenantry.providers.host.layout import HostLayout
from tenantry.providers.host.postgres import (
    Server,
    Session,
    Supervised,
    query,
    session,
    wait_until_ready,
)
from tenantry.providers.host.volume_state import is_closed

__all__ = ["Cluster", "changed_files", "holds_cluster", "postmaster", "reload_settings", "service_id"]

_REQUIRED = (
    *("opaque", "path", "binDir", "socketFolder", "port", "uid", "settings"),
    *("logFolder", "logRetentionDays"),
)
_GRACE_SECONDS = 60  # for a fast shutdown, which writes a checkpoint


def service_id(opaque: str) -> str:
    """Return the name under which the supervisor keeps the instance's database."""
    return f"{opaque}-database"


def holds_cluster(path: Path) -> bool:
    """Say whether there is a cluster's data at path."""
    return (path / "PG_VERSION").exists() and (path / "global" / "pg_control").exists()


def postmaster(path: Path, *, uid: int | None = None) -> int | None:
    """Return the pid of the server that runs on this data folder, supervised or not."""
    for found in children.processes_using(str(path), program="postgres", uid=uid):
        if str(path) in found.argv:  # its children have other titles
            return found.pid
    return None


def changed_files(inputs: Inputs) -> list[str]:
    """Return the managed files that differ from what they should be, and files too many."""
    path = Path(inputs["path"])
    wanted = _files(inputs)
    changed = {str(name) for name, text in wanted.items() if owned.read(path / name) != text}
    known = {cluster_files.MANAGED_FILE.name, cluster_files.ARCHIVE_FILE.name}
    folder = path / cluster_files.MANAGED_FILE.parent
    present = {one.name for one in folder.iterdir()} if folder.is_dir() else set()
    missing = known - present
    return sorted(changed | {f"conf.d/{name}" for name in (present - known) | missing})


def reload_settings(server: Server) -> Sequence[str]:
    """Have the server read its settings again; return those that wait for a restart.

    Raises:
        UnavailableError: the server does not answer, or does not read them.
    """
    with session(server) as opened:
        before = opened.one("select pg_conf_load_time()")
        opened.change("reload", "select pg_reload_conf()")
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        rows = query(  # a new session sees what the server has read
            server,
            "select pg_conf_load_time(), (select array_agg(name) from pg_settings where pending_restart)",
        )
        if rows[0][0] > before:
            return sorted(rows[0][1] or [])
        time.sleep(0.02)
    raise UnavailableError("the database does not read its settings again", code="database-unreachable")


class Cluster:
    """Handler of the cluster.

    Inputs, beside what the names say:

    listen: TCP address, "" for the Unix socket alone.
    tls: certificateFile, keyFile, caFile on tmpfs; absent for the Unix socket alone.
    settings: of PostgreSQL, such as max_connections; what the module
        ``cluster_files`` fixes cannot be among them.
    archiveTimeoutSeconds: after which a started WAL segment is archived.
    """

    type: ClassVar[str] = "Cluster"
    holds_data: ClassVar[bool] = True
    replace_on: ClassVar[frozenset[str]] = frozenset({"path", "uid", "opaque", "generation"})
    secret_inputs: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, executor: Executor, layout: HostLayout, *, supervised: Supervised) -> None:
        self._executor = executor
        self._layout = layout
        self._supervised = supervised

    def check(self, inputs: Inputs) -> Sequence[tuple[str, str]]:
        """Return what is wrong with the inputs."""
        failures = check_known(inputs, _REQUIRED)
        settings = inputs.get("settings")
        if isinstance(settings, Mapping) and not failures:
            fixed = {*cluster_files.fixed_settings(inputs), "archive_command", "archive_library"}
            failures += [("settings", f"{name} is decided by tenantry") for name in settings if name in fixed]
            failures += [
                ("settings", f"{name!r} is not the name of a setting")
                for name in settings
                if not cluster_files.SETTING_NAME.fullmatch(name)
            ]
        if inputs.get("listen") and "tls" in inputs and not inputs["tls"]:
            failures.append(("tls", "is required where the database listens on TCP"))
        return failures

    def create(self, inputs: Inputs) -> tuple[str, dict[str, Any]]:
        """Make the data folder, or adopt the one there, and start the server.

        Raises:
            RefusedError: a cluster was here and its data are gone, or the
                instance already has backups (code data-lost).
        """
        path = Path(inputs["path"])
        if not holds_cluster(path):
            self._refuse_anew(inputs)
            self._make_data_folder(inputs)
        marks.mark_made(self._executor, path, uid=int(inputs["uid"]))
        return str(path), self._apply(inputs, inputs)

    def read(self, resource_id: str, inputs: Inputs) -> Observed | None:
        """Look at data folder, settings and server.

        Raises:
            FailedError: the data folder is gone (code data-lost).
        """
        path = Path(inputs["path"])
        if not holds_cluster(path):
            if self._is_unmounted(inputs):  # out of reach, not lost: Volume brings it back
                return Observed(inputs={**inputs, "running": False}, outputs={})
            raise marks.lost("the database cluster", path)
        seen = dict(inputs)
        status = path.stat()
        if status.st_mode & 0o7777 != 0o700:  # noqa: PLR2004 - a mode
            seen["mode"] = f"{status.st_mode & 0o7777:04o}"
        if os.geteuid() == 0 and status.st_uid != int(inputs["uid"]):
            seen["owner"] = status.st_uid
        if changed := changed_files(inputs):
            seen["configuration"] = changed
        if not self._supervised.logs(service_id(inputs["opaque"])):
            seen["log"] = "written nowhere"
        return Observed(inputs=seen, outputs=self._look_inside(inputs, seen))

    def update(self, resource_id: str, old: Inputs, new: Inputs) -> dict[str, Any]:
        """Write settings, reload them, restart only for those that need it; start what is down.

        Raises:
            FailedError: the data folder is gone (code data-lost).
        """
        if not holds_cluster(Path(new["path"])):
            raise marks.lost("the database cluster", new["path"])
        return self._apply(old, new)

    def delete(self, resource_id: str, inputs: Inputs) -> None:
        """Stop the server at once (nothing of it is kept) and remove the data folder."""
        path, uid, server = Path(inputs["path"]), int(inputs["uid"]), Server.of(inputs)
        self._supervised.remove(service_id(inputs["opaque"]), orderly=False)
        self._end_unsupervised(path, uid)
        self._remove_unfinished(path, uid)
        for leftover in (path, _lock_file(server), server.socket):
            owned.remove(self._executor, leftover, uid=uid)
        marks.unmark(self._executor, path, uid=uid)

    def _refuse_anew(self, inputs: Inputs) -> None:
        path = Path(inputs["path"])
        marks.refuse_anew("the database cluster", path)
        repository = self._layout.database_backups(inputs["opaque"])
        if (repository / "backup").exists() or self._is_unmounted(inputs):
            raise RefusedError(
                f"there is no database cluster at {path}, but the instance has had one",
                hint="restore it from the latest backup; an empty one is not made in its place",
                code="data-lost",
            )

    def _is_unmounted(self, inputs: Inputs) -> bool:
        return is_closed(self._layout, str(inputs["opaque"]))

    def _make_data_folder(self, inputs: Inputs) -> None:
        path, uid = Path(inputs["path"]), int(inputs["uid"])
        new = _unfinished(path)
        owned.make_folder(self._executor, path.parent, uid=uid)
        self._remove_unfinished(path, uid)
        self._executor.run(
            [
                *(f"{inputs['binDir']}/initdb", f"--pgdata={new}", "--username=postgres"),
                *("--auth-local=peer", "--auth-host=scram-sha-256", "--data-checksums"),
                *("--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions"),
            ],
            uid=uid,
        )
        self._executor.rename(new, path)

    def _remove_unfinished(self, path: Path, uid: int) -> None:
        new = _unfinished(path)
        children.end(str(new), program="initdb", uid=uid)
        children.end(str(new), program="postgres", uid=uid, environment=True)  # initdb's own child
        owned.remove(self._executor, new, uid=uid)

    def _apply(self, old: Inputs, new: Inputs) -> dict[str, Any]:
        path = Path(new["path"])
        self._refuse_other_major(new)
        self._mend_folders(new)
        changed = self._write_settings(new)
        if changed:
            self._check_settings(new)
        if self._supervised.status(service_id(new["opaque"]))[0]:
            self._reload_or_stop(old, new)
        else:
            self._end_unsupervised(path, int(new["uid"]))
            self._remove_stale_locks(new)
        self._start(new)
        return self._after_start(new)

    def _refuse_other_major(self, inputs: Inputs) -> None:
        path = Path(inputs["path"])
        ran = self._executor.run([f"{inputs['binDir']}/postgres", "--version"], effect=False)
        program = ran.out.split()[2].split(".")[0]  # "postgres (PostgreSQL) 15.18 (Debian …)"
        data = (owned.read(path / "PG_VERSION") or "").strip()
        if program != data:
            raise RefusedError(
                f"the programs are of PostgreSQL {program}, the data in {path} are not",
                hint="a major upgrade goes by backup and restore; install the older programs again",
                code="major-upgrade",
            )

    def _mend_folders(self, inputs: Inputs) -> None:
        uid = int(inputs["uid"])
        for folder in (Path(inputs["path"]), Path(inputs["socketFolder"])):
            if not _is_private(folder, uid):
                self._executor.folder(folder, mode=0o700, uid=uid)

    def _write_settings(self, inputs: Inputs) -> bool:
        path, uid = Path(inputs["path"]), int(inputs["uid"])
        changed = changed_files(inputs)
        owned.make_folder(self._executor, path / "conf.d", uid=uid)
        texts = {**_files(inputs), cluster_files.ARCHIVE_FILE: cluster_files.archive_conf("")}
        for name in changed:
            if (text := texts.get(Path(name))) is None:
                owned.remove(self._executor, path / name, uid=uid)  # a further file would override ours
            else:
                owned.write(self._executor, path / name, text, mode=0o600, uid=uid)
        return bool(changed)

    def _check_settings(self, inputs: Inputs) -> None:
        argv = [f"{inputs['binDir']}/postgres", "-D", str(inputs["path"]), "-C", "port"]
        ran = self._executor.run(argv, uid=int(inputs["uid"]), check=False, effect=False)
        if ran.code != 0:
            reasons = [line.split("  ", 1)[-1] for line in ran.err.splitlines() if line.strip()]
            raise FailedError(
                f"the database does not accept its settings: {'; '.join(reasons[-3:])}",
                hint="correct the settings of the database and deploy again",
                code="bad-settings",
            )

    def _reload_or_stop(self, old: Inputs, new: Inputs) -> None:
        try:
            waiting = reload_settings(Server.of(old))
        except TenantryError:  # it does not answer where it was: start it again
            waiting = ["port"]
        if waiting:
            self._supervised.stop(service_id(new["opaque"]))

    def _start(self, inputs: Inputs) -> None:
        path, server = Path(inputs["path"]), Server.of(inputs)
        self._supervised.ensure(
            service_id(inputs["opaque"]),
            argv=[f"{inputs['binDir']}/postgres", "-D", str(path)],
            env={},
            uid=int(inputs["uid"]) if os.geteuid() == 0 else None,
            cwd=path,
            stop_signal="SIGINT",
            grace_seconds=_GRACE_SECONDS,
            log_folder=Path(inputs["logFolder"]),
            log_retention_days=int(inputs["logRetentionDays"]),
            opaque=str(inputs["opaque"]),
            ready=lambda: _answers(server),
        )
        wait_until_ready(server)

    def _end_unsupervised(self, path: Path, uid: int) -> None:
        if pid := postmaster(path, uid=uid):  # started by hand, or its supervisor was killed
            children.end_processes([pid], grace_seconds=_GRACE_SECONDS, first=signal.SIGINT)
        children.end(str(path), program="postgres", uid=uid)  # what a killed server left

    def _remove_stale_locks(self, inputs: Inputs) -> None:
        """Remove lock files whose process is dead, a zombie, or another program with the same pid."""
        for lock in (Path(inputs["path"]) / "postmaster.pid", _lock_file(Server.of(inputs))):
            text = owned.read(lock)
            if text is not None and not _is_postgres(text.split("\n")[0]):
                owned.remove(self._executor, lock, uid=int(inputs["uid"]))

    def _after_start(self, inputs: Inputs) -> dict[str, Any]:
        with session(Server.of(inputs)) as opened:
            if opened.rows(_RULE_ERRORS):
                raise FailedError("the database does not accept pg_hba.conf", code="bad-settings")
            if names := _open_to_public(opened):
                revokes = [f"revoke all on database {name} from public" for name in names]
                opened.change("revoke public access", *revokes)
            return _facts(opened)

    def _look_inside(self, inputs: Inputs, seen: dict[str, Any]) -> dict[str, Any]:
        up, _pid = self._supervised.status(service_id(inputs["opaque"]))
        try:
            with session(Server.of(inputs), timeout=10) as opened:
                seen["settings"] = {**inputs["settings"], **_not_in_force(opened, inputs)}
                if names := _open_to_public(opened):
                    seen["publicAccess"] = names
                if _is_newer_than_loaded(opened, inputs):
                    seen.setdefault("configuration", ["not loaded"])
                if not up:
                    seen["running"] = False  # it runs, but nobody would start it again
                return _facts(opened)
        except TenantryError:
            seen["running"] = False
            return {}


_RULE_ERRORS = "select 1 from pg_hba_file_rules where error is not null"


def _files(inputs: Inputs) -> dict[Path, str]:
    try:
        owner = pwd.getpwuid(int(inputs["uid"])).pw_name
    except KeyError:  # the account was deleted by hand; it is made anew under the same name
        owner = str(inputs["opaque"])
    administrator = pwd.getpwuid(os.geteuid()).pw_name
    return cluster_files.files(inputs, administrator=administrator, owner=owner)


def _not_in_force(opened: Session, inputs: Inputs) -> dict[str, str]:
    """Return the settings that come from elsewhere than our file, or wait for a restart."""
    source = str(Path(inputs["path"]) / cluster_files.MANAGED_FILE)
    names = [*cluster_files.fixed_settings(inputs), *inputs["settings"]]
    rows = opened.rows(
        "select name, current_setting(name), setting from pg_settings where name = any(:names)"
        " and (pending_restart or sourcefile is distinct from :source)",
        names=names,
        source=source,
    )
    return {name: f"{value} (not ours)" for name, value, _setting in rows}


def _open_to_public(opened: Session) -> list[str]:
    rows = opened.rows(
        "select datname from pg_database where datname in ('postgres', 'template1') and exists"
        " (select from aclexplode(coalesce(datacl, acldefault('d', datdba))) where grantee = 0)"
    )
    return sorted(name for (name,) in rows)


def _is_newer_than_loaded(opened: Session, inputs: Inputs) -> bool:
    tls = inputs.get("tls") or {}
    paths = [Path(inputs["path"]) / name for name in _files(inputs)]
    paths += [Path(tls[key]) for key in ("certificateFile", "keyFile") if key in tls]
    loaded = opened.one("select extract(epoch from pg_conf_load_time())::float8")
    return any(one.exists() and one.stat().st_mtime > loaded for one in paths)


def _facts(opened: Session) -> dict[str, Any]:
    row = opened.rows(
        "select current_setting('server_version'), current_setting('data_checksums'),"
        " system_identifier::text from pg_control_system()"
    )[0]
    return {"version": row[0].split()[0], "checksums": row[1] == "on", "systemIdentifier": row[2]}


def _answers(server: Server) -> bool:
    try:
        query(server, "select 1", timeout=5)
    except TenantryError:
        return False
    return True


def _unfinished(path: Path) -> Path:
    return path.with_name(f"{path.name}.new")


def _lock_file(server: Server) -> Path:
    return server.socket.with_name(f"{server.socket.name}.lock")


def _is_postgres(pid: str) -> bool:
    try:
        state = Path(f"/proc/{int(pid)}/stat").read_text(encoding="ascii")
        name = Path(f"/proc/{int(pid)}/comm").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return False
    return name == "postgres" and state.rpartition(")")[2].split()[0] not in "ZX"


def _is_private(folder: Path, uid: int) -> bool:
    try:
        status = folder.stat()
    except FileNotFoundError:
        return False
    return status.st_mode & 0o7777 == 0o700 and (os.geteuid() != 0 or status.st_uid == uid)  # noqa: PLR2004
