"""Everything of a database also works for an ordinary user, who then is the instance's user as well."""

from __future__ import annotations

import os
import stringprep  # noqa: F401
from collections.abc import Callable
from datetime import datetime

import pg8000.native  # noqa: F401 - an ordinary user may not be able to read where our packages lie
import scramp  # type: ignore[import-untyped]  # noqa: F401

from tenantry.providers.host.database import Database
from tenantry.providers.host.pgbackrest import Repository, back_up
from tenantry.providers.host.role import Role
from tenantry.providers.host.snapshots import SnapshotRepository, Snapshots
from tenantry.providers.host.supervisor import Supervisor
from tests.host.postgres.support import Rig, fork


def test_an_ordinary_user_makes_checks_backs_up_and_deletes_a_database(rig: Rig) -> None:
    os.chown(rig.layout.root, rig.uid, rig.uid)
    os.chown(rig.layout.runtime, rig.uid, rig.uid)

    def everything() -> None:
        datetime.strptime("2026+0000", "%Y%z")  # loads what it needs while it can be read
        os.setgroups([])
        os.setgid(rig.uid)
        os.setuid(rig.uid)
        try:
            make_look_and_delete(rig)
        finally:
            Supervisor(rig.executor, rig.layout).stop()

    pid = fork(everything)
    _, status = os.waitpid(pid, 0)
    assert status == 0


def make_look_and_delete(rig: Rig) -> None:
    database, role = Database(rig.executor, rig.layout), Role(rig.executor, rig.layout)
    snapshots = Snapshots(rig.executor, rig.layout)
    files = {
        "repoPath": str(rig.layout.file_backups(rig.opaque)),
        "password": "the-password-of-the-snapshots-3",
        "uid": rig.uid,
        "folders": [str(rig.layout.home(rig.opaque) / "logs")],
        "keep": 2,
    }
    deletes: list[Callable[[], None]] = []
    for handler, inputs in (
        (rig.cluster, rig.cluster_inputs()),
        (database, rig.database_inputs()),
        (role, rig.role_inputs()),
    ):
        handler.create(inputs)
        assert_as_wanted(handler, inputs)
        deletes.append(lambda handler=handler, inputs=inputs: handler.delete("", inputs))  # type: ignore[misc]
    rig.make_backup_role()
    rig.stanza.create(rig.stanza_inputs())
    assert_as_wanted(rig.stanza, rig.stanza_inputs())
    back_up(rig.executor, Repository.of(rig.stanza_inputs()))
    snapshots.create(files)
    SnapshotRepository.of(rig.executor, files).back_up()
    snapshots.delete("", files)
    rig.stanza.delete("", rig.stanza_inputs())
    for delete in reversed(deletes):
        delete()
    assert not rig.path.exists()


def assert_as_wanted(handler: object, inputs: dict[str, object]) -> None:
    observed = handler.read("", inputs)  # type: ignore[attr-defined]
    assert observed is not None
    assert observed.inputs == inputs
