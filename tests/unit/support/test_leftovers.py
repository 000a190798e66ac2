"""What is left behind is found and removed, and nothing else is."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import leftovers
from tests.support.session import HostFolders, Session, new_session, take_slot

_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def session() -> Iterator[Session]:
    """A run within the run, on a slot of its own."""
    slot = take_slot()
    inner = new_session(slot)
    inner.make_folders()
    yield inner
    inner.remove_folders()
    slot.note(None)
    slot.file.close()


@pytest.fixture
def host(session: Session) -> Iterator[HostFolders]:
    with session.host() as lent:
        yield lent


def test_a_process_is_found_by_its_working_folder_and_killed(host: HostFolders) -> None:
    child = subprocess.Popen(["/bin/sleep", "60"], cwd=host.root)
    found = leftovers.find(leftovers.scope_of_host(host))
    leftovers.remove(found)
    assert ([item.kind for item in found], child.wait(10)) == (["process"], -9)


def test_a_process_of_another_host_is_no_leftover(session: Session, host: HostFolders) -> None:
    with session.host() as other:
        child = subprocess.Popen(["/bin/sleep", "60"], cwd=other.root)
        found = leftovers.find(leftovers.scope_of_host(host))
        child.kill()
        child.wait()
    assert found == []


@_ROOT
def test_a_process_is_found_by_its_user_id(host: HostFolders) -> None:
    argv = ["/bin/sleep", "60"]
    with subprocess.Popen(argv, cwd="/", user=host.uid_base, group=host.uid_base, env={}) as child:
        found = leftovers.find(leftovers.scope_of_host(host))
        child.kill()
    assert [str(item) for item in found] == [f"process {child.pid} (user {host.uid_base}): /bin/sleep 60"]


def test_what_ends_by_itself_in_time_is_no_leftover(host: HostFolders) -> None:
    with subprocess.Popen(["/bin/sleep", "0.3"], cwd=host.root):
        assert leftovers.wait_until_none(leftovers.scope_of_host(host), seconds=10) == []


@_ROOT
def test_a_mount_is_found_and_unmounted(host: HostFolders) -> None:
    point = host.root / "mnt"
    point.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", point], check=True)
    found = leftovers.find(leftovers.scope_of_host(host))
    leftovers.remove(found)
    assert ([item.kind for item in found], point.is_mount()) == (["mount"], False)


@_ROOT
def test_an_account_is_found_and_removed(host: HostFolders) -> None:
    name = f"tntest{host.uid_base}"
    subprocess.run(["useradd", "--no-create-home", "--uid", str(host.uid_base), name], check=True)
    found = leftovers.find(leftovers.scope_of_host(host))
    leftovers.remove(found)
    after = leftovers.find(leftovers.scope_of_host(host))
    assert (found[0].name, after) == (f"{name} ({host.uid_base})", [])


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("nft"), reason="needs root")
def test_a_table_of_the_host_is_found_and_removed(host: HostFolders) -> None:
    scope = leftovers.scope_of_host(host)
    table = f"tenantry_{next(iter(scope.host_ids))}"
    subprocess.run(["nft", "add", "table", "inet", table], check=True)
    found = leftovers.find(scope)
    leftovers.remove(found)
    assert ([item.name for item in found], leftovers.find(scope)) == ([f"inet {table}"], [])


def test_two_hosts_share_no_port_and_no_user_id(session: Session) -> None:
    with session.host() as one, session.host() as two:
        ports = abs(one.port_base - two.port_base) >= one.port_count
        assert (ports, abs(one.uid_base - two.uid_base) >= one.uid_count) == (True, True)


def test_a_run_that_was_killed_is_known_to_the_next_holder_of_its_slot(tmp_path: Path) -> None:
    first = take_slot(tmp_path)
    killed = new_session(first)
    first.file.close()
    second = take_slot(tmp_path)
    second.file.close()
    assert second.before == killed


def test_a_slot_that_is_held_is_not_given_again(tmp_path: Path) -> None:
    first, second = take_slot(tmp_path), take_slot(tmp_path)
    numbers = (first.number, second.number)
    first.file.close()
    second.file.close()
    assert numbers == (0, 1)


def test_looking_over_the_machine_takes_less_than_a_second(host: HostFolders) -> None:
    start = time.monotonic()
    leftovers.find(leftovers.scope_of_host(host))
    assert time.monotonic() - start < 1
