from __future__ import annotations

import grp
import pwd
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tenantry.errors import RefusedError
from tenantry.model.spec import HostSettings
from tenantry.providers.host import processes
from tenantry.providers.host.account import Account
from tenantry.providers.host.executor import Executor
from tenantry.providers.host.layout import HostLayout
from tenantry.providers.host.proxy import Proxy, proxy_user
from tests.support.session import HostFolders

Drift = Callable[..., Any]


@pytest.fixture
def inputs(layout: HostLayout, opaque: str, uid: int) -> dict[str, Any]:
    return {"name": opaque, "uid": uid, "home": str(layout.home(opaque))}


@pytest.fixture
def account(executor: Executor, layout: HostLayout, inputs: dict[str, Any]) -> Iterator[Account]:
    account = Account(executor, layout)
    yield account
    account.delete(inputs["name"], inputs)


def test_the_user_has_the_number_and_a_group_of_the_same(account: Account, inputs: dict[str, Any]) -> None:
    account.create(inputs)
    user = pwd.getpwnam(inputs["name"])
    assert (user.pw_uid, user.pw_gid) == (inputs["uid"], inputs["uid"])


def test_the_user_cannot_log_in(account: Account, inputs: dict[str, Any]) -> None:
    account.create(inputs)
    status = subprocess.run(
        ["passwd", "--status", inputs["name"]], capture_output=True, text=True, check=True
    )
    assert (pwd.getpwnam(inputs["name"]).pw_shell, status.stdout.split()[1]) == ("/usr/sbin/nologin", "L")


def test_no_home_is_made(account: Account, inputs: dict[str, Any]) -> None:
    account.create(inputs)
    assert not Path(inputs["home"]).exists()


def test_a_second_create_changes_nothing(account: Account, inputs: dict[str, Any], drift: Drift) -> None:
    account.create(inputs)
    account.create(inputs)
    assert drift(account, inputs["name"], inputs) == set()


def test_a_deleted_user_is_drift(account: Account, inputs: dict[str, Any], drift: Drift) -> None:
    account.create(inputs)
    subprocess.run(["userdel", inputs["name"]], check=True)
    assert drift(account, inputs["name"], inputs) is None


@pytest.mark.parametrize(
    ("command", "key"),
    [
        (["usermod", "--shell", "/bin/sh"], "shell"),
        (["usermod", "--home", "/tmp/elsewhere"], "home"),
        (["usermod", "--append", "--groups", "daemon"], "groups"),
        (["usermod", "--password", "$6$abc$def"], "password"),
    ],
)
def test_a_change_by_hand_is_drift_and_put_right(
    account: Account, inputs: dict[str, Any], drift: Drift, command: list[str], key: str
) -> None:
    account.create(inputs)
    subprocess.run([*command, inputs["name"]], check=True)
    assert drift(account, inputs["name"], inputs) == {key}
    account.update(inputs["name"], inputs, inputs)
    assert drift(account, inputs["name"], inputs) == set()


def test_a_number_that_somebody_has_is_refused(account: Account, inputs: dict[str, Any]) -> None:
    account.create(inputs)
    with pytest.raises(RefusedError, match="belongs to"):
        account.create({**inputs, "name": "tnother"})


def test_a_name_that_somebody_has_is_refused(account: Account, inputs: dict[str, Any]) -> None:
    account.create(inputs)
    with pytest.raises(RefusedError, match="has the number"):
        account.create({**inputs, "uid": inputs["uid"] + 1})


def test_delete_ends_the_users_processes(account: Account, inputs: dict[str, Any]) -> None:
    account.create(inputs)
    uid = inputs["uid"]
    child = subprocess.Popen(
        ["sh", "-c", "trap '' TERM; echo; while :; do sleep 1; done"], user=uid, stdout=-1
    )
    assert child.stdout
    child.stdout.readline()
    account.delete(inputs["name"], inputs)
    assert processes.of_uid(uid) == []
    child.stdout.close()
    child.wait()


def test_delete_leaves_no_line_in_the_account_files(account: Account, inputs: dict[str, Any]) -> None:
    account.create(inputs)
    account.delete(inputs["name"], inputs)
    files = ("passwd", "group", "shadow", "gshadow", "subuid", "subgid")
    assert not [name for name in files if inputs["name"] in Path("/etc", name).read_text()]


def test_delete_removes_a_group_that_a_killed_run_left(account: Account, inputs: dict[str, Any]) -> None:
    subprocess.run(["groupadd", "--gid", str(inputs["uid"]), inputs["name"]], check=True)
    account.delete(inputs["name"], inputs)
    assert inputs["name"] not in [group.gr_name for group in grp.getgrall()]


def test_ten_at_once_are_all_made_and_removed(
    account: Account, host_folders: HostFolders, opaque: str
) -> None:
    first = host_folders.uid_base + 20
    wanted = [{"name": f"{opaque}{n}", "uid": first + n, "home": "/nowhere"} for n in range(10)]
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(account.create, wanted))
        made = {user.pw_uid for user in pwd.getpwall()}
        list(pool.map(lambda one: account.delete(str(one["name"]), one), wanted))
    assert {one["uid"] for one in wanted} <= made
    assert not {one["uid"] for one in wanted} & {user.pw_uid for user in pwd.getpwall()}


def test_it_survives_a_kill_at_each_point(
    account: Account, inputs: dict[str, Any], survives: Callable[..., None]
) -> None:
    survives(account, inputs)


def test_the_proxys_account_is_finished_where_a_kill_left_its_group_alone(
    executor: Executor, layout: HostLayout, host_folders: HostFolders
) -> None:
    uid_base = host_folders.uid_base + 1
    settings = HostSettings(root=layout.root, runtime=layout.runtime, uid_base=uid_base)
    name = proxy_user(layout)
    subprocess.run(["groupadd", "--gid", str(uid_base - 1), name], check=True)
    try:
        assert Proxy(executor, layout, settings=settings).ensure_user() == uid_base - 1
        assert pwd.getpwnam(name).pw_gid == uid_base - 1
    finally:
        subprocess.run(["userdel", name], check=False, capture_output=True)
        subprocess.run(["groupdel", name], check=False, capture_output=True)
