from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tenantry.errors import FailedError, RefusedError, TenantryError, UnavailableError
from tenantry.providers.host import cluster as cluster_module
from tenantry.providers.host.cluster import postmaster
from tenantry.providers.host.postgres import query_over_tls, session
from tests.host.postgres.support import (
    BIN,
    PASSWORD,
    Rig,
    killed_after,
    make_certificates,
    run_and_kill_everywhere,
    wait_for,
)


def seen(rig: Rig, **changes: Any) -> dict[str, Any]:
    """What a look gives beside, or other than, the inputs."""
    inputs = rig.cluster_inputs(**changes)
    observed = rig.cluster.read(str(rig.path), inputs)
    assert observed is not None
    return {key: value for key, value in observed.inputs.items() if inputs.get(key, "-") != value}


def update(rig: Rig, **changes: Any) -> None:
    rig.cluster.update(str(rig.path), rig.cluster_inputs(), rig.cluster_inputs(**changes))


@pytest.fixture
def tidy(running: Rig) -> Rig:
    """The running cluster, as it should be: a test before may have failed half-way."""
    update(running)
    assert seen(running) == {}
    return running


def test_a_new_cluster_has_checksums_and_runs_as_the_instance_user(tidy: Rig) -> None:
    _, outputs = tidy.cluster.create(tidy.cluster_inputs())
    assert outputs["checksums"] is True
    pid = postmaster(tidy.path)
    assert pid is not None
    assert Path(f"/proc/{pid}").stat().st_uid == tidy.uid


def test_creating_again_changes_nothing_and_restarts_nothing(tidy: Rig) -> None:
    before = tidy.sql("select pg_postmaster_start_time()::text")
    first = tidy.cluster.create(tidy.cluster_inputs())
    assert tidy.cluster.create(tidy.cluster_inputs()) == first
    assert tidy.sql("select pg_postmaster_start_time()::text") == before


@pytest.mark.parametrize("file", ["postgresql.conf", "pg_hba.conf", "pg_ident.conf", "conf.d/tenantry.conf"])
def test_a_file_edited_by_hand_is_drift_and_is_restored(tidy: Rig, file: str) -> None:
    wanted = (tidy.path / file).read_text()
    (tidy.path / file).write_text(wanted + "# a note\n")
    assert file in seen(tidy)["configuration"]
    update(tidy)
    assert (tidy.path / file).read_text() == wanted
    assert seen(tidy) == {}


def test_a_file_deleted_by_hand_is_drift_and_is_restored(tidy: Rig) -> None:
    (tidy.path / "pg_hba.conf").unlink()
    assert seen(tidy)["configuration"] == ["pg_hba.conf"]
    update(tidy)
    assert seen(tidy) == {}


def test_a_further_settings_file_is_drift_and_is_removed(tidy: Rig) -> None:
    (tidy.path / "conf.d" / "zz.conf").write_text("log_statement = 'all'\n")
    tidy.sql("select pg_reload_conf()")
    assert seen(tidy)["configuration"] == ["conf.d/zz.conf"]
    update(tidy)
    assert seen(tidy) == {}
    assert tidy.sql("show log_statement") == "none"


def test_alter_system_is_drift_and_is_undone(tidy: Rig) -> None:
    tidy.sql("alter system set log_statement = 'all'", "select pg_reload_conf()")
    wait_for(lambda: bool(tidy.sql("show log_statement") == "all"))
    assert seen(tidy)["settings"]["log_statement"] == "all (not ours)"
    update(tidy)
    assert tidy.sql("show log_statement") == "none"
    assert seen(tidy) == {}


def test_a_data_folder_opened_to_others_is_drift_and_is_closed(tidy: Rig) -> None:
    tidy.path.chmod(0o750)
    assert seen(tidy) == {"mode": "0750"}
    update(tidy)
    assert seen(tidy) == {}


def test_access_granted_to_everybody_is_drift_and_is_revoked(tidy: Rig) -> None:
    tidy.sql("grant connect on database postgres to public")
    assert seen(tidy) == {"publicAccess": ["postgres"]}
    update(tidy)
    assert seen(tidy) == {}


def test_a_server_stopped_by_hand_is_drift_and_is_started(tidy: Rig) -> None:
    tidy.supervised.stop(cluster_module.service_id(tidy.opaque))
    assert seen(tidy) == {"running": False}
    update(tidy)
    assert seen(tidy) == {}


def test_a_server_started_by_hand_is_taken_under_the_supervisor(tidy: Rig) -> None:
    tidy.supervised.stop(cluster_module.service_id(tidy.opaque))
    subprocess.run(
        [f"{BIN}/pg_ctl", "-D", str(tidy.path), "-w", "-l", "/dev/null", "start"],
        user=tidy.uid,
        group=tidy.uid,
        extra_groups=[],
        cwd="/",
        check=True,
        capture_output=True,
    )
    assert seen(tidy) == {"running": False}
    update(tidy)
    assert tidy.supervised.status(cluster_module.service_id(tidy.opaque))[1] == postmaster(tidy.path)


def test_a_killed_server_comes_back_by_itself(tidy: Rig) -> None:
    killed = tidy.kill_server()
    tidy.wait_until_running(not_pid=killed)
    assert seen(tidy) == {}


def test_a_lock_file_that_names_another_living_process_does_not_block_the_start(tidy: Rig) -> None:
    tidy.supervised.stop(cluster_module.service_id(tidy.opaque))
    sleeper = subprocess.Popen(["sleep", "60"], user=tidy.uid, group=tidy.uid, extra_groups=[], cwd="/")
    try:
        for lock in (
            tidy.server.socket.with_name(tidy.server.socket.name + ".lock"),
            tidy.path / "postmaster.pid",
        ):
            lock.write_text(f"{sleeper.pid}\n{tidy.path}\n")
            os.chown(lock, tidy.uid, tidy.uid)
        update(tidy)
        assert seen(tidy) == {}
    finally:
        sleeper.kill()
        sleeper.wait()


def test_a_setting_that_needs_no_restart_is_reloaded(tidy: Rig) -> None:
    before = tidy.sql("select pg_postmaster_start_time()::text")
    update(tidy, settings={"max_connections": 20, "shared_buffers": "16MB", "work_mem": "5MB"})
    assert tidy.sql("show work_mem") == "5MB"
    assert tidy.sql("select pg_postmaster_start_time()::text") == before


def test_a_setting_that_needs_a_restart_is_in_force_afterwards(tidy: Rig) -> None:
    update(tidy, settings={"max_connections": 25, "shared_buffers": "16MB"})
    assert tidy.sql("show max_connections") == "25"


def test_a_setting_that_the_server_refuses_is_named_and_the_server_goes_on(tidy: Rig) -> None:
    with pytest.raises(FailedError, match="work_mem") as caught:
        update(tidy, settings={"work_mem": "a lot"})
    assert caught.value.code == "bad-settings"
    assert tidy.sql("select 1") == 1


def test_a_setting_that_tenantry_decides_is_refused_by_check(tidy: Rig) -> None:
    failures = tidy.cluster.check(tidy.cluster_inputs(settings={"log_statement": "all"}))
    assert failures == [("settings", "log_statement is decided by tenantry")]


def test_the_superuser_is_refused_over_tcp(tidy: Rig) -> None:
    with pytest.raises(FailedError) as caught:
        over_tls(tidy, user="postgres", password="whatever-it-may-be")
    assert caught.value.code == "access-refused"


def test_a_role_comes_in_over_tls_with_its_password_alone(tidy: Rig) -> None:
    tidy.sql(
        "drop role if exists visitor",
        f"create role visitor login password '{PASSWORD}'",
        "grant connect on database postgres to visitor",
    )
    try:
        assert over_tls(tidy, user="visitor", password=PASSWORD) == [[1]]
        with pytest.raises(FailedError) as caught:
            over_tls(tidy, user="visitor", password="not-the-password")
        assert caught.value.code == "wrong-password"
    finally:
        tidy.sql("drop owned by visitor", "drop role visitor")


def test_a_server_with_a_certificate_of_another_authority_is_not_trusted(tidy: Rig, tmp_path: Path) -> None:
    make_certificates(tmp_path, os.geteuid())
    with pytest.raises(UnavailableError, match="certificate"):
        over_tls(tidy, user="postgres", password="x", ca_file=tmp_path / "ca.crt")


def test_the_instance_user_is_the_backup_role_and_never_the_superuser(tidy: Rig) -> None:
    def come_as(role: str) -> str:
        ran = subprocess.run(
            [
                "psql",
                "-h",
                str(tidy.server.socket_folder),
                "-p",
                str(tidy.port),
                "-U",
                role,
                "-Atc",
                "select 1",
                "postgres",
            ],
            user=tidy.uid,
            group=tidy.uid,
            extra_groups=[],
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
        return ran.stdout.strip() or ran.stderr

    assert come_as("tenantry_backup") == "1"
    assert "Peer authentication failed" in come_as("postgres")


def test_the_log_holds_no_data_of_a_failed_statement(tidy: Rig) -> None:
    with session(tidy.server) as opened, pytest.raises(FailedError):
        opened.rows("select 'Amina Diallo'::int")
    log = (tidy.layout.logs(tidy.opaque, "database") / "current").read_text()
    assert "LOG:" in log
    assert "Amina" not in log


def test_a_lost_data_folder_is_reported_and_never_made_anew(rig: Rig) -> None:
    inputs = rig.cluster_inputs()
    rig.cluster.create(inputs)
    rig.supervised.stop(cluster_module.service_id(rig.opaque))
    shutil.rmtree(rig.path)
    with pytest.raises(FailedError) as lost:
        rig.cluster.read(str(rig.path), inputs)
    with pytest.raises(FailedError) as not_updated:
        rig.cluster.update(str(rig.path), inputs, inputs)
    with pytest.raises(RefusedError) as not_created:
        rig.cluster.create(inputs)
    assert {one.value.code for one in (lost, not_updated, not_created)} == {"data-lost"}
    assert not rig.path.exists()


def test_no_cluster_is_made_for_an_instance_that_has_backups(rig: Rig) -> None:
    (rig.layout.database_backups(rig.opaque) / "backup").mkdir(parents=True)
    with pytest.raises(RefusedError) as caught:
        rig.cluster.create(rig.cluster_inputs())
    assert caught.value.code == "data-lost"


def test_deleting_leaves_no_process_socket_or_file_and_may_be_repeated(rig: Rig) -> None:
    inputs = rig.cluster_inputs()
    rig.cluster.create(inputs)
    rig.cluster.delete(str(rig.path), inputs)
    rig.cluster.delete(str(rig.path), inputs)
    assert list(rig.path.parent.iterdir()) == []
    assert list(rig.layout.sockets(rig.opaque).iterdir()) == []
    assert postmaster(rig.path) is None


def test_a_create_that_is_killed_at_every_point_is_finished_by_the_next_one(rig: Rig) -> None:
    inputs = rig.cluster_inputs()
    assert run_and_kill_everywhere(lambda: rig.cluster.create(inputs)) >= 15
    rig.cluster.create(inputs)
    assert seen(rig) == {}
    assert {one.name for one in rig.path.parent.iterdir()} == {"g1", "g1.made"}


def test_a_create_that_is_killed_within_initdb_leaves_no_half_made_cluster(rig: Rig) -> None:
    inputs = rig.cluster_inputs()
    with killed_after(rig, lambda: rig.cluster.create(inputs), point="before initdb"):
        wait_for((rig.path.parent / "g1.new" / "base").exists)
    assert not rig.path.exists()
    rig.cluster.create(inputs)
    assert seen(rig) == {}
    assert not (rig.path.parent / "g1.new").exists()


def test_a_link_that_the_instance_user_puts_in_our_way_is_not_written_through(
    rig: Rig, tmp_path: Path
) -> None:
    inputs = rig.cluster_inputs()
    rig.cluster.create(inputs)
    shutil.rmtree(rig.path / "conf.d")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o755)
    (rig.path / "conf.d").symlink_to(elsewhere)
    with pytest.raises(TenantryError):
        rig.cluster.update(str(rig.path), inputs, inputs)
    assert list(elsewhere.iterdir()) == []


def over_tls(rig: Rig, *, user: str, password: str, ca_file: Path | None = None) -> list[list[Any]]:
    return query_over_tls(
        "select 1",
        host="127.0.0.1",
        port=rig.port,
        database="postgres",
        user=user,
        password=password,
        ca_file=ca_file or rig.layout.secrets(rig.opaque) / "ca.crt",
    )
