from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tenantry.providers.host import processes
from tenantry.providers.host.supervisor import Supervisor, wait_until


def test_it_is_not_running_on_a_host_without_it(supervisor: Supervisor) -> None:
    assert not supervisor.running()


def test_it_runs_after_it_was_asked_for(supervisor: Supervisor) -> None:
    supervisor.ensure_running()
    assert supervisor.running()


def test_many_at_once_start_it_once(supervisor: Supervisor) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: supervisor.ensure_running(), range(8)))
    assert len(supervisor.processes()) == 1


def test_it_carries_nothing_of_our_environment(supervisor: Supervisor) -> None:
    os.environ["A_SECRET_OF_OURS"] = "very"
    try:
        supervisor.ensure_running()
    finally:
        del os.environ["A_SECRET_OF_OURS"]
    environment = Path(f"/proc/{supervisor.processes()[0]}/environ").read_text()
    assert {item.partition("=")[0] for item in environment.split("\0") if item} <= {
        "PATH",
        "LC_ALL",
        "TZ",
        "PWD",
    }


def test_it_is_no_child_of_ours(supervisor: Supervisor) -> None:
    supervisor.ensure_running()
    assert os.getsid(supervisor.processes()[0]) != os.getsid(0)


def test_a_killed_one_is_started_again(supervisor: Supervisor) -> None:
    supervisor.ensure_running()
    os.kill(supervisor.processes()[0], signal.SIGKILL)
    assert wait_until(lambda: not supervisor.running(), seconds=5)
    supervisor.ensure_running()
    assert supervisor.running()


def test_stopping_ends_all_of_its_processes(supervisor: Supervisor) -> None:
    supervisor.ensure_running()
    before = supervisor.processes()
    supervisor.stop()
    assert not any(processes.alive(pid) for pid in before)
