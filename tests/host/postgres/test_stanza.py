from __future__ import annotations

import concurrent.futures
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tenantry.errors import FailedError, RefusedError, UnavailableError
from tenantry.providers.host import archive, children, pgbackrest
from tenantry.providers.host.pgbackrest import Repository, back_up, list_backups
from tests.host.postgres.support import PASSPHRASE, Rig, killed_after, run_and_kill_everywhere, wait_for


def seen(rig: Rig) -> dict[str, Any]:
    inputs = rig.stanza_inputs()
    observed = rig.stanza.read("", inputs)
    assert observed is not None
    return {key: value for key, value in observed.inputs.items() if inputs.get(key, "-") != value}


def update(rig: Rig, **changes: Any) -> None:
    rig.stanza.update("", rig.stanza_inputs(), rig.stanza_inputs(**changes))


def repository(rig: Rig) -> Repository:
    return Repository.of(rig.stanza_inputs())


def write_something(rig: Rig) -> None:
    rig.sql("create table if not exists something (at timestamptz)", "insert into something values (now())")


@pytest.fixture
def tidy(running: Rig) -> Iterator[Rig]:
    """A cluster that archives into its repository, as it should be."""
    running.stanza.create(running.stanza_inputs())
    yield running
    if Path(running.stanza_inputs()["repoPath"]).exists():
        update(running)


def test_a_new_stanza_archives_and_creating_it_again_changes_nothing(tidy: Rig) -> None:
    assert seen(tidy) == {}
    before = tidy.sql("select pg_conf_load_time()::text")
    tidy.stanza.create(tidy.stanza_inputs())
    assert tidy.sql("select pg_conf_load_time()::text") == before


def test_the_settings_are_the_instance_users_alone_and_on_tmpfs(tidy: Rig) -> None:
    config = Path(tidy.stanza_inputs()["configFile"])
    assert (config.stat().st_mode & 0o777, config.stat().st_uid) == (0o400, tidy.uid)
    assert PASSPHRASE not in (tidy.path / "conf.d" / "archive.conf").read_text()


def test_settings_deleted_as_by_a_reboot_are_drift_and_are_written_again(tidy: Rig) -> None:
    Path(tidy.stanza_inputs()["configFile"]).unlink()
    assert seen(tidy) == {"configuration": ["configFile"]}
    update(tidy)
    assert seen(tidy) == {}


def test_settings_opened_to_others_are_drift_and_are_closed(tidy: Rig) -> None:
    Path(tidy.stanza_inputs()["configFile"]).chmod(0o644)
    assert seen(tidy) == {"configuration": ["configFile"]}
    update(tidy)
    assert seen(tidy) == {}


def test_archiving_switched_off_in_the_file_is_drift_and_is_switched_on(tidy: Rig) -> None:
    (tidy.path / "conf.d" / "archive.conf").write_text("archive_command = ''\n")
    tidy.sql("select pg_reload_conf()")
    wait_for(lambda: seen(tidy) == {"configuration": ["archive.conf"], "archiving": "off"})
    update(tidy)
    assert seen(tidy) == {}


def test_another_archive_command_in_force_is_drift_and_is_undone_with_the_cluster(tidy: Rig) -> None:
    tidy.sql("alter system set archive_command = '/bin/true'", "select pg_reload_conf()")
    wait_for(lambda: seen(tidy) == {"archiving": "another command"})
    tidy.cluster.update("", tidy.cluster_inputs(), tidy.cluster_inputs())
    update(tidy)
    assert seen(tidy) == {}


def test_a_backup_is_listed_with_what_it_can_restore(tidy: Rig) -> None:
    made = back_up(tidy.executor, repository(tidy), kind="full")
    moment = archive.barrier(tidy.server)
    wait_for(lambda: (archive.look(tidy.server).reaches or made.started) >= made.finished)
    reaches = archive.look(tidy.server).reaches
    newest = list_backups(tidy.executor, repository(tidy), restorable_to=reaches)[0]
    assert (newest.id, newest.kind) == (made.id, "full")
    assert newest.size_bytes > 0
    assert newest.restorable_from == newest.finished
    assert newest.restorable_to is not None
    second = timedelta(seconds=1)  # the server dates its segments in whole seconds
    assert moment - second <= newest.restorable_to <= datetime.now(tz=UTC)


def test_an_incremental_backup_follows_a_full_one(tidy: Rig) -> None:
    back_up(tidy.executor, repository(tidy), kind="full")
    assert back_up(tidy.executor, repository(tidy), kind="incr").kind == "incremental"


def test_an_idle_cluster_has_nothing_to_lose(tidy: Rig) -> None:
    archive.barrier(tidy.server)
    time.sleep(1.5)
    assert archive.look(tidy.server).lag_seconds == 0


def test_what_is_not_archived_yet_counts_as_lag(tidy: Rig) -> None:
    archive.barrier(tidy.server)
    write_something(tidy)
    state = archive.look(tidy.server)
    assert 0 < state.lag_seconds <= 60
    assert not state.failing


def test_an_archive_that_fails_is_seen_and_its_lag_grows(tidy: Rig) -> None:
    archive.barrier(tidy.server)
    Path(tidy.stanza_inputs()["configFile"]).unlink()
    write_something(tidy)
    tidy.sql("select pg_switch_wal()")
    wait_for(lambda: archive.look(tidy.server).failing)
    first = archive.look(tidy.server)
    time.sleep(0.2)
    assert archive.look(tidy.server).lag_seconds > first.lag_seconds > 0
    assert first.waiting >= 1
    with pytest.raises(UnavailableError) as caught:
        archive.barrier(tidy.server, seconds=0.5)
    assert caught.value.code == "archive-stuck"
    update(tidy)
    assert not archive.look(tidy.server).failing


def test_archiving_that_is_off_is_seen(tidy: Rig) -> None:
    (tidy.path / "conf.d" / "archive.conf").write_text("archive_command = ''\n")
    tidy.sql("select pg_reload_conf()")
    wait_for(lambda: not archive.look(tidy.server).enabled)


def test_a_wrong_passphrase_lists_nothing_and_is_not_told(tidy: Rig) -> None:
    config = Path(tidy.stanza_inputs()["configFile"])
    other = pgbackrest.settings_text(tidy.stanza_inputs(cipherPass="quite-another-passphrase-2"))
    config.chmod(0o600)
    config.write_text(other)
    with pytest.raises(FailedError) as caught:
        list_backups(tidy.executor, repository(tidy))
    assert "quite-another" not in str(caught.value)


def test_a_backup_that_outlives_a_killed_run_is_waited_for(tidy: Rig) -> None:
    first = back_up(tidy.executor, repository(tidy), kind="full")
    again = lambda: back_up(tidy.executor, repository(tidy), kind="full")  # noqa: E731
    with killed_after(tidy, again, point="before pgbackrest"):
        wait_for(lambda: bool(leftovers(tidy)))
    assert leftovers(tidy)
    newest = back_up(tidy.executor, repository(tidy), kind="incr")
    waited_for = list_backups(tidy.executor, repository(tidy))[1]
    assert newest.id.startswith(waited_for.id)
    assert waited_for.id > first.id


def leftovers(rig: Rig) -> list[children.Found]:
    found = children.processes_using(rig.stanza_inputs()["configFile"], program="pgbackrest", uid=rig.uid)
    return [one for one in found if "backup" in one.argv]


def test_a_lost_repository_is_reported_and_never_made_anew(rig: Rig) -> None:
    inputs = rig.stanza_inputs()
    rig.cluster.create(rig.cluster_inputs())
    rig.make_backup_role()
    rig.stanza.create(inputs)
    shutil.rmtree(inputs["repoPath"])
    with pytest.raises(FailedError) as lost:
        seen(rig)
    with pytest.raises(FailedError) as not_updated:
        update(rig)
    with pytest.raises(RefusedError) as not_created:
        rig.stanza.create(inputs)
    assert {one.value.code for one in (lost, not_updated, not_created)} == {"data-lost"}
    assert not Path(inputs["repoPath"]).exists()


def test_deleting_ends_archiving_and_leaves_no_file_and_may_be_repeated(rig: Rig) -> None:
    inputs = rig.stanza_inputs()
    rig.cluster.create(rig.cluster_inputs())
    rig.make_backup_role()
    rig.stanza.create(inputs)
    for _ in range(2):
        rig.stanza.delete("", inputs)
    assert rig.sql("show archive_command") in ("", "(disabled)")
    left = [
        key
        for key in ("repoPath", "configFile", "lockPath", "logPath", "spoolPath")
        if Path(inputs[key]).exists()
    ]
    assert left == []
    assert list(Path(inputs["repoPath"]).parent.iterdir()) == []


def test_a_create_that_is_killed_at_every_point_is_finished_by_the_next_one(rig: Rig) -> None:
    inputs = rig.stanza_inputs()
    rig.cluster.create(rig.cluster_inputs())
    rig.make_backup_role()
    assert run_and_kill_everywhere(lambda: rig.stanza.create(inputs)) >= 6
    rig.stanza.create(inputs)
    assert seen(rig) == {}
    back_up(rig.executor, repository(rig), kind="full")


def test_a_half_made_stanza_is_made_again(rig: Rig) -> None:
    inputs = rig.stanza_inputs()
    rig.cluster.create(rig.cluster_inputs())
    rig.make_backup_role()
    rig.stanza.create(inputs)
    rig.stanza.delete("", inputs)
    half = Path(inputs["repoPath"]) / "archive" / "main"
    half.mkdir(parents=True)
    (half / "archive.info").write_text("half")
    for folder in (half, half.parent, half.parent.parent, half / "archive.info"):
        shutil.chown(folder, rig.uid, rig.uid)
    rig.stanza.create(inputs)
    assert seen(rig) == {}


def test_two_instances_back_up_at_the_same_time(running: Rig, rig: Rig) -> None:
    rig.cluster.create(rig.cluster_inputs())
    rig.make_backup_role()
    for one in (running, rig):
        one.stanza.create(one.stanza_inputs())
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        made = list(pool.map(lambda one: back_up(one.executor, repository(one)), (running, rig)))
    assert [one.kind for one in made] == ["full", "full"]
