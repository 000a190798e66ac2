# ruff: noqa: PLR0917 - fixtures are handed over by name
from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tenantry.errors import FailedError
from tenantry.providers.host import processes
from tenantry.providers.host.executor import Executor
from tenantry.providers.host.layout import HostLayout
from tenantry.providers.host.process import Process, Supervised, service_ids
from tenantry.providers.host.seen_services import on_its_way
from tenantry.providers.host.service_files import Service
from tenantry.providers.host.supervised import JANITOR
from tenantry.providers.host.supervisor import Supervisor, wait_until

_SECRET = "it's a\nsecret $HOME `id`"
Drift = Callable[..., Any]


@pytest.fixture
def inputs(layout: HostLayout, home: Path, opaque: str, uid: int) -> dict[str, Any]:
    return {
        "id": f"{opaque}-web",
        "opaque": opaque,
        "argv": ["/bin/sh", "-c", "echo started; exec sleep 1000"],
        "env": {"TOKEN": _SECRET},
        "uid": uid,
        "cwd": str(home),
        "graceSeconds": 2,
        "logFolder": str(layout.logs(opaque, "web")),
        "logRetentionDays": 90,
    }


@pytest.fixture
def process(executor: Executor, layout: HostLayout, supervised: Supervised) -> Process:
    return Process(executor, layout, supervised=supervised)


def _pid(supervised: Supervised, inputs: dict[str, Any]) -> int:
    up, pid = supervised.status(inputs["id"])
    assert up
    assert pid
    return pid


def _supervisor_of(supervisor: Supervisor, service: str) -> int:
    return next(
        pid for pid in supervisor.processes() if str(Path(f"/proc/{pid}/cwd").readlink()).endswith(service)
    )


def _sleepers(uid: int) -> list[int]:
    return [pid for pid in processes.of_uid(uid) if processes.name(pid) == "sleep"]


def test_a_process_runs_after_create(
    process: Process, supervised: Supervised, inputs: dict[str, Any]
) -> None:
    process.create(inputs)
    assert supervised.status(inputs["id"])[0]


def test_a_second_create_leaves_it_running(
    process: Process, supervised: Supervised, inputs: dict[str, Any]
) -> None:
    process.create(inputs)
    before = _pid(supervised, inputs)
    process.create(inputs)
    assert _pid(supervised, inputs) == before


def test_a_fresh_look_at_a_new_one_finds_no_drift(
    process: Process, inputs: dict[str, Any], drift: Drift
) -> None:
    process.create(inputs)
    assert drift(process, inputs["id"], inputs) == set()


def test_its_environment_is_what_was_given_and_nothing_of_ours(
    process: Process, supervised: Supervised, inputs: dict[str, Any]
) -> None:
    process.create(inputs)
    text = Path(f"/proc/{_pid(supervised, inputs)}/environ").read_text()
    found = dict(item.split("=", 1) for item in text.split("\0") if item)
    assert found == {
        "TOKEN": _SECRET,
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "PWD": inputs["cwd"],
    }


def test_it_has_its_users_rights_and_no_way_to_more(
    process: Process, supervised: Supervised, inputs: dict[str, Any], uid: int
) -> None:
    process.create(inputs)
    lines = Path(f"/proc/{_pid(supervised, inputs)}/status").read_text().splitlines()
    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    assert (status["Uid"], status["Gid"], status["Groups"].strip()) == (
        *[f"{uid}\t{uid}\t{uid}\t{uid}"] * 2,
        "",
    )
    assert (status["CapEff"], status["NoNewPrivs"]) == ("0" * 16, "1")


def test_another_user_cannot_read_its_secrets(
    process: Process, supervised: Supervised, inputs: dict[str, Any], layout: HostLayout, uid: int
) -> None:
    process.create(inputs)
    environ = f"/proc/{_pid(supervised, inputs)}/environ"
    kept = layout.services / inputs["id"] / "env.sh"
    for path in (environ, str(kept)):
        look = subprocess.run(["cat", path], user=uid + 1, group=uid + 1, check=False, capture_output=True)
        assert look.returncode != 0, path


def test_no_secret_is_in_an_argument_of_any_process(process: Process, inputs: dict[str, Any]) -> None:
    process.create({**inputs, "env": {"TOKEN": "Kq8zSecretOfTheTest"}})
    lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert not [line for line in lines if b"Kq8zSecretOfTheTest" in line]


def test_a_killed_process_comes_back(
    process: Process, supervised: Supervised, inputs: dict[str, Any]
) -> None:
    process.create(inputs)
    before = _pid(supervised, inputs)
    os.kill(before, signal.SIGKILL)
    assert wait_until(lambda: supervised.status(inputs["id"])[1] not in (before, None), seconds=10)


def test_a_killed_process_is_no_drift(
    process: Process, supervised: Supervised, inputs: dict[str, Any], drift: Drift
) -> None:
    process.create(inputs)
    os.kill(_pid(supervised, inputs), signal.SIGKILL)
    assert drift(process, inputs["id"], inputs) == set()


def test_after_a_kill_of_its_supervision_it_runs_once_and_is_supervised(
    process: Process, supervised: Supervised, supervisor: Supervisor, inputs: dict[str, Any], uid: int
) -> None:
    process.create(inputs)
    before = _pid(supervised, inputs)
    os.kill(_supervisor_of(supervisor, inputs["id"]), signal.SIGKILL)
    assert wait_until(lambda: supervised.status(inputs["id"])[1] not in (before, None), seconds=10)
    assert wait_until(lambda: _sleepers(uid) == [supervised.status(inputs["id"])[1]], seconds=10)


def test_a_program_that_ignores_the_signal_is_killed_before_it_runs_again(
    process: Process, supervised: Supervised, supervisor: Supervisor, inputs: dict[str, Any], uid: int
) -> None:
    stubborn = {
        **inputs,
        "graceSeconds": 1,
        "argv": ["/bin/sh", "-c", "trap '' TERM; while :; do sleep 1; done"],
    }
    process.create(stubborn)
    before = _pid(supervised, inputs)
    os.kill(_supervisor_of(supervisor, inputs["id"]), signal.SIGKILL)
    assert wait_until(lambda: not processes.alive(before), seconds=10)
    assert wait_until(
        lambda: [p for p in processes.of_uid(uid) if processes.name(p) == "sh"] != [], seconds=10
    )


def test_children_that_outlive_their_program_are_ended_before_it_runs_again(
    process: Process, supervised: Supervised, inputs: dict[str, Any], uid: int
) -> None:
    parent = {**inputs, "argv": ["/bin/sh", "-c", "sleep 1000 & while :; do sleep 999; done"]}
    process.create(parent)
    assert wait_until(lambda: len(_sleepers(uid)) == 2, seconds=10)
    old = set(_sleepers(uid))
    os.kill(_pid(supervised, inputs), signal.SIGKILL)
    assert wait_until(lambda: not old & set(_sleepers(uid)) and len(_sleepers(uid)) == 2, seconds=15)


def test_after_a_kill_of_the_supervisor_the_next_command_makes_it_run_once(
    process: Process, supervised: Supervised, supervisor: Supervisor, inputs: dict[str, Any], uid: int
) -> None:
    process.create(inputs)
    scan = next(pid for pid in supervisor.processes() if processes.name(pid) == "s6-svscan")
    os.kill(scan, signal.SIGKILL)
    assert wait_until(lambda: not supervisor.running(), seconds=5)
    process.create(inputs)
    assert wait_until(lambda: bool(_sleepers(uid)), seconds=10)  # up is told before it is the program
    assert _sleepers(uid) == [_pid(supervised, inputs)]


def test_a_changed_argument_restarts_it(
    process: Process, supervised: Supervised, inputs: dict[str, Any]
) -> None:
    process.create(inputs)
    before = _pid(supervised, inputs)
    process.update(inputs["id"], inputs, {**inputs, "argv": ["/bin/sleep", "999"]})
    pid = _pid(supervised, inputs)
    assert pid != before
    assert Path(f"/proc/{pid}/cmdline").read_bytes() == b"/bin/sleep\x00999\x00"


def test_a_changed_secret_restarts_it(
    process: Process, supervised: Supervised, inputs: dict[str, Any]
) -> None:
    process.create(inputs)
    process.update(inputs["id"], inputs, {**inputs, "env": {"TOKEN": "other"}})
    assert b"TOKEN=other\0" in Path(f"/proc/{_pid(supervised, inputs)}/environ").read_bytes()


def test_a_stop_by_hand_is_drift(
    process: Process, inputs: dict[str, Any], layout: HostLayout, drift: Drift
) -> None:
    process.create(inputs)
    subprocess.run(["s6-svc", "-d", "-wD", layout.services / inputs["id"]], check=True)
    assert drift(process, inputs["id"], inputs) == {"wanted"}


def test_an_update_starts_what_was_stopped_by_hand(
    process: Process, inputs: dict[str, Any], layout: HostLayout, drift: Drift
) -> None:
    process.create(inputs)
    subprocess.run(["s6-svc", "-d", "-wD", layout.services / inputs["id"]], check=True)
    process.update(inputs["id"], inputs, inputs)
    assert drift(process, inputs["id"], inputs) == set()


def test_a_changed_run_script_is_drift_and_put_right(
    process: Process, inputs: dict[str, Any], layout: HostLayout, drift: Drift
) -> None:
    process.create(inputs)
    with (layout.services / inputs["id"] / "run").open("a") as file:
        file.write("# by hand\n")
    assert drift(process, inputs["id"], inputs) == {"files"}
    process.update(inputs["id"], inputs, inputs)
    assert drift(process, inputs["id"], inputs) == set()


def test_a_folder_that_was_deleted_by_hand_is_drift(
    process: Process, inputs: dict[str, Any], layout: HostLayout, drift: Drift
) -> None:
    process.create(inputs)
    shutil.rmtree(layout.services / inputs["id"])
    assert drift(process, inputs["id"], inputs) is None


def test_after_its_folder_was_deleted_by_hand_create_makes_it_run_once(
    process: Process, supervised: Supervised, inputs: dict[str, Any], layout: HostLayout, uid: int
) -> None:
    process.create(inputs)
    shutil.rmtree(layout.services / inputs["id"])
    process.create(inputs)
    assert wait_until(lambda: _sleepers(uid) == [supervised.status(inputs["id"])[1]], seconds=10)


def test_a_suspended_one_is_down_and_stays_so(
    process: Process, supervised: Supervised, inputs: dict[str, Any], drift: Drift
) -> None:
    suspended = {**inputs, "wanted": "down"}
    process.create(inputs)
    process.update(inputs["id"], inputs, suspended)
    assert supervised.status(inputs["id"]) == (False, None)
    assert drift(process, inputs["id"], suspended) == set()


def _hears_sigint(inputs: dict[str, Any]) -> dict[str, Any]:
    script = "trap 'echo got >heard; exit 0' INT; echo yes >listens; while :; do sleep 0.1; done"
    return {**inputs, "argv": ["/bin/sh", "-c", script], "stopSignal": "SIGINT", "graceSeconds": 60}


def test_the_stop_signal_is_the_one_asked_for(
    process: Process, supervised: Supervised, inputs: dict[str, Any], home: Path
) -> None:
    process.create(_hears_sigint(inputs))
    assert wait_until((home / "listens").exists, seconds=10)
    supervised.stop(inputs["id"])
    assert (home / "heard").read_text() == "got\n"


def test_it_is_heard_also_where_the_run_that_started_the_supervisor_ignored_it(
    process: Process, supervised: Supervised, supervisor: Supervisor, inputs: dict[str, Any], home: Path
) -> None:
    supervisor.stop()
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell has it in the background
    try:
        process.create(_hears_sigint(inputs))
    finally:
        signal.signal(signal.SIGINT, before)
    assert wait_until((home / "listens").exists, seconds=10)
    supervised.stop(inputs["id"])
    assert (home / "heard").read_text() == "got\n"


def test_one_that_dies_at_once_fails_the_create(process: Process, inputs: dict[str, Any]) -> None:
    with pytest.raises(FailedError, match="did not come up"):
        process._supervised.ensure(
            inputs["id"],
            argv=["/bin/false"],
            env={},
            uid=inputs["uid"],
            cwd=Path("/"),
            ready=lambda: False,
            ready_seconds=0.5,
        )


def test_its_output_is_in_the_log_of_its_user(
    process: Process, inputs: dict[str, Any], layout: HostLayout, opaque: str, uid: int
) -> None:
    process.create(inputs)
    current = layout.logs(opaque, "web") / "current"
    assert wait_until(lambda: current.exists() and "started" in current.read_text(), seconds=5)
    assert current.stat().st_uid == uid


def test_many_at_once_start_the_one_service_that_they_share_once(
    executor: Executor, supervisor: Supervisor, layout: HostLayout, home: Path, opaque: str, uid: int
) -> None:
    applied = []

    class Noted(Supervised):
        def apply(self, service: Service) -> bool:
            applied.append(service.id)
            return super().apply(service)

    supervised = Noted(executor, layout, supervisor=supervisor)

    def ensure(number: int) -> None:
        log = layout.logs(opaque, f"web{number}")
        argv = ["/bin/sleep", "1000"]
        supervised.ensure(f"{opaque}-{number}", argv=argv, env={}, uid=uid, cwd=home, log_folder=log)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ensure, range(8)))
    assert applied.count(JANITOR) == 1
    assert wait_until(lambda: supervised.status(JANITOR)[0], seconds=10)


def test_a_child_of_its_supervisor_is_not_yet_the_program() -> None:
    with subprocess.Popen(["s6-supervise", "1000"], executable="/bin/sleep") as forked:
        try:
            assert on_its_way(forked.pid)
        finally:
            forked.kill()


def test_logs_older_than_asked_for_are_deleted(
    process: Process, supervised: Supervised, inputs: dict[str, Any], layout: HostLayout, opaque: str
) -> None:
    process.create(inputs)
    old = layout.logs(opaque, "web") / "@400000005f5e100000000000.s"
    old.write_text("old\n")
    os.chown(old, inputs["uid"], inputs["uid"])
    os.utime(old, (0, 0))
    supervised.restart("janitor")
    assert wait_until(lambda: not old.exists(), seconds=10)


def test_delete_leaves_neither_process_nor_file(
    process: Process, inputs: dict[str, Any], layout: HostLayout, opaque: str, uid: int
) -> None:
    process.create(inputs)
    process.delete(inputs["id"], inputs)
    assert processes.of_uid(uid) == []
    assert service_ids(layout, opaque) == []
    assert not list(layout.runtime.rglob(f"*{opaque}*"))


def test_delete_ends_what_a_killed_supervision_left(
    process: Process, supervisor: Supervisor, inputs: dict[str, Any], uid: int
) -> None:
    process.create(inputs)
    for pid in supervisor.processes():
        os.kill(pid, signal.SIGKILL)
    process.delete(inputs["id"], inputs)
    assert _sleepers(uid) == []


def test_delete_of_what_is_gone_is_done(process: Process, inputs: dict[str, Any]) -> None:
    process.delete(inputs["id"], inputs)


def test_a_relative_program_is_refused(process: Process, inputs: dict[str, Any]) -> None:
    assert ("argv", "must begin with the absolute path of a program") in process.check(
        {**inputs, "argv": ["x"]}
    )


@pytest.mark.parametrize("start", [1, 4, 7])
def test_it_survives_a_kill_at_every_third_point(
    process: Process, inputs: dict[str, Any], killed: Callable[..., bool], drift: Drift, uid: int, start: int
) -> None:
    point, going = start, True
    while going:
        going = killed(process, inputs, point=point)
        process.create(inputs)
        assert drift(process, inputs["id"], inputs) == set(), point
        assert wait_until(lambda: bool(_sleepers(uid)), seconds=10), point
        assert len(_sleepers(uid)) == 1, point
        going |= killed(process, inputs, point=point, delete=inputs["id"])
        process.delete(inputs["id"], inputs)
        point += 9
