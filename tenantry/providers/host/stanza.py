"""The backup repository of an instance's cluster, and the archiving into it.

The stanza is made before archiving is switched on: the other way round, the
first segments fail. A repository that is gone is reported (``data-lost``) and
never made anew. What was changed by hand shows as further keys beside the
inputs: ``configuration`` (files that differ), ``archiving`` (what is in force).

Not done here: taking backups (``pgbackrest.back_up``) and looking at the
archive (``archive.look``), which are no resources.
"""

# ruff: noqa: ARG002 - the signatures are those of Handler
from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from tenantry.errors import FailedError, RefusedError, TenantryError
from tenantry.providers.handler import Inputs, Observed, check_known
from tenantry.providers.host import archive, cluster_files, marks, owned, pgbackrest
from tenantry.providers.host.cluster import holds_cluster, reload_settings
from tenantry.providers.host.executor import Executor
from tenantry.providers.host.layout import HostLayout
from tenantry.providers.host.postgres import Server, is_out_of_reach, query

__all__ = ["Stanza"]

_REQUIRED = (
    *("stanza", "configFile", "repoPath", "cipherPass", "pgPath", "socketFolder", "port", "uid"),
    *("lockPath", "logPath", "spoolPath", "retentionFull", "archiveTimeout"),
)
_BARRIER_SECONDS = 60


class Stanza:
    """Handler of the repository.

    Inputs, beside what the names say:

    configFile: on tmpfs; holds the passphrase, 0400, the instance's user.
    cipherPass: secret; the passphrase of the repository.
    retentionFull: how many full backups are kept.
    archiveTimeout: seconds that pgbackrest waits for a segment to arrive.
    """

    type: ClassVar[str] = "Stanza"
    holds_data: ClassVar[bool] = True
    replace_on: ClassVar[frozenset[str]] = frozenset({"stanza", "repoPath", "cipherPass", "uid"})
    secret_inputs: ClassVar[frozenset[str]] = frozenset({"cipherPass"})

    def __init__(self, executor: Executor, layout: HostLayout) -> None:
        self._executor = executor
        self._layout = layout

    def check(self, inputs: Inputs) -> Sequence[tuple[str, str]]:
        """Return what is wrong with the inputs."""
        failures = check_known(inputs, _REQUIRED)
        passphrase = inputs.get("cipherPass")
        if isinstance(passphrase, str) and (len(passphrase) < 24 or "\n" in passphrase):  # noqa: PLR2004
            failures.append(("cipherPass", "must have 24 characters or more, in one line"))
        return failures

    def create(self, inputs: Inputs) -> tuple[str, dict[str, Any]]:
        """Make the repository, or adopt it; switch archiving on and see one segment arrive.

        Raises:
            RefusedError: a repository was here and is gone (code data-lost).
        """
        repository = Path(inputs["repoPath"])
        pgbackrest.Repository.of(inputs).end_leftovers()
        if not _is_whole(inputs):
            self._refuse_anew(inputs)
        self._settle(inputs)
        if not _is_whole(inputs):
            self._create_stanza(inputs)
        marks.mark_made(self._executor, repository, uid=int(inputs["uid"]))
        return str(repository), self._archive(inputs)

    def read(self, resource_id: str, inputs: Inputs) -> Observed | None:
        """Look at repository, settings and what the server archives with.

        Raises:
            FailedError: the repository is gone (code data-lost).
        """
        if not _is_whole(inputs):
            raise marks.lost("the backup repository", inputs["repoPath"])
        seen = dict(inputs)
        if changed := _changed(inputs):
            seen["configuration"] = changed
        try:
            command = query(Server.of(inputs), "select current_setting('archive_command')", timeout=10)[0][0]
            if command != pgbackrest.Repository.of(inputs).archive_command:
                seen["archiving"] = "another command" if command else "off"
        except TenantryError as error:
            if not is_out_of_reach(error):
                raise
        return Observed(inputs=seen, outputs={})

    def update(self, resource_id: str, old: Inputs, new: Inputs) -> dict[str, Any]:
        """Write settings again and have the server use them.

        Raises:
            FailedError: the repository is gone (code data-lost).
        """
        if not _is_whole(new):
            raise marks.lost("the backup repository", new["repoPath"])
        self._settle(new)
        return self._archive(new)

    def delete(self, resource_id: str, inputs: Inputs) -> None:
        """Switch archiving off, end what still runs, remove repository and settings."""
        uid = int(inputs["uid"])
        self._stop_archiving(inputs)
        pgbackrest.Repository.of(inputs).end_leftovers()
        for key in ("repoPath", "configFile", "lockPath", "logPath", "spoolPath"):
            owned.remove(self._executor, Path(inputs[key]), uid=uid)
        marks.unmark(self._executor, Path(inputs["repoPath"]), uid=uid)

    def _refuse_anew(self, inputs: Inputs) -> None:
        marks.refuse_anew("the backup repository", Path(inputs["repoPath"]))
        if owned.read(_archive_file(inputs)) == _archive_text(inputs):  # written after the stanza was made
            raise RefusedError(
                f"the backup repository {inputs['repoPath']} was in use and is gone",
                hint="restore it from a copy; an empty one is not made in its place",
                code="data-lost",
            )

    def _settle(self, inputs: Inputs) -> None:
        uid = int(inputs["uid"])
        marks.make_home(self._executor, Path(inputs["repoPath"]).parent, uid=uid)
        for key in ("repoPath", "lockPath", "logPath", "spoolPath"):
            owned.make_folder(self._executor, Path(inputs[key]), uid=uid)
        if "configFile" in _changed(inputs):
            text = pgbackrest.settings_text(inputs)
            owned.write(self._executor, Path(inputs["configFile"]), text, mode=0o400, uid=uid)

    def _create_stanza(self, inputs: Inputs) -> None:
        """Make the stanza; what an interrupted run made of one is removed first if nothing is in it."""
        parts = [Path(inputs["repoPath"]) / kind / inputs["stanza"] for kind in ("archive", "backup")]
        parts = [part for part in parts if part.is_dir()]
        if parts:
            if any(one.is_dir() for part in parts for one in part.iterdir()):
                raise FailedError(
                    f"the backup repository {inputs['repoPath']} lacks its own lists",
                    hint="restore the files archive.info and backup.info from a copy of the repository",
                    code="data-lost",
                )
            for part in parts:
                owned.remove(self._executor, part, uid=int(inputs["uid"]))
        pgbackrest.Repository.of(inputs).run(self._executor, "stanza-create", hide=inputs["cipherPass"])

    def _archive(self, inputs: Inputs) -> dict[str, Any]:
        """Have the server archive into the repository, and see that a segment arrives."""
        server = Server.of(inputs)
        changed = "archive.conf" in _changed(inputs)
        if changed:
            text, uid = _archive_text(inputs), int(inputs["uid"])
            owned.write(self._executor, _archive_file(inputs), text, mode=0o600, uid=uid)
        wanted = pgbackrest.Repository.of(inputs).archive_command
        if changed or query(server, "select current_setting('archive_command')")[0][0] != wanted:
            reload_settings(server)
        archive.barrier(server, seconds=_BARRIER_SECONDS)
        return {}

    def _stop_archiving(self, inputs: Inputs) -> None:
        if not holds_cluster(Path(inputs["pgPath"])):
            return
        off = cluster_files.archive_conf("")
        if owned.read(_archive_file(inputs)) != off:
            owned.write(self._executor, _archive_file(inputs), off, mode=0o600, uid=int(inputs["uid"]))
        try:
            reload_settings(Server.of(inputs))
        except TenantryError:  # a server that is down archives nothing
            return


def _is_whole(inputs: Inputs) -> bool:
    repository, stanza = Path(inputs["repoPath"]), str(inputs["stanza"])
    lists = (repository / "archive" / stanza / "archive.info", repository / "backup" / stanza / "backup.info")
    return all(one.exists() for one in lists)


def _changed(inputs: Inputs) -> list[str]:
    """Return which of our files differ: ``configFile`` and ``archive.conf``."""
    changed = []
    config = Path(inputs["configFile"])
    if owned.read(config) != pgbackrest.settings_text(inputs) or not _is_secret(config, int(inputs["uid"])):
        changed.append("configFile")
    if owned.read(_archive_file(inputs)) != _archive_text(inputs):
        changed.append("archive.conf")
    return changed


def _archive_file(inputs: Inputs) -> Path:
    return Path(inputs["pgPath"]) / cluster_files.ARCHIVE_FILE


def _archive_text(inputs: Inputs) -> str:
    return cluster_files.archive_conf(pgbackrest.Repository.of(inputs).archive_command)


def _is_secret(path: Path, uid: int) -> bool:
    status = path.stat()
    return status.st_mode & 0o7777 == 0o400 and (os.geteuid() != 0 or status.st_uid == uid)  # noqa: PLR2004
