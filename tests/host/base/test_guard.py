# ruff: noqa: PLR0917 - fixtures are handed over by name
from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tenantry.providers.host.executor import Executor
from tenantry.providers.host.guard import Guard, chains, observe
from tenantry.providers.host.layout import HostLayout

Drift = Callable[..., Any]


@pytest.fixture
def inputs(opaque: str, uid: int, port: int) -> dict[str, Any]:
    return {
        "opaque": opaque,
        "rules": [{"port": port, "uids": [uid, uid + 1]}, {"port": port + 9, "uids": []}],
    }


@pytest.fixture
def guard(executor: Executor, layout: HostLayout, inputs: dict[str, Any]) -> Iterator[Guard]:
    guard = Guard(executor, layout)
    yield guard
    for opaque in chains(executor, layout):
        guard.delete(opaque, inputs)


@pytest.fixture(params=["127.0.0.1", "::1"])
def listener(request: pytest.FixtureRequest, port: int) -> Iterator[str]:
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    with socket.create_server((request.param, port), family=family, backlog=50):
        yield request.param


def _connects(address: str, port: int, uid: int) -> bool:
    """Try as another user, in a child of its own."""
    script = f"exec 3<>/dev/tcp/{address}/{port}"
    child = subprocess.run(["bash", "-c", script], user=uid, group=uid, capture_output=True, check=False)
    return child.returncode == 0


def test_a_neighbour_is_refused(
    guard: Guard, inputs: dict[str, Any], listener: str, port: int, uid: int
) -> None:
    guard.create(inputs)
    assert not _connects(listener, port, uid + 2)


@pytest.mark.parametrize("offset", [0, 1])
def test_its_own_users_are_let_in(
    guard: Guard, inputs: dict[str, Any], listener: str, port: int, uid: int, offset: int
) -> None:
    guard.create(inputs)
    assert _connects(listener, port, uid + offset)


def test_root_is_let_in(guard: Guard, inputs: dict[str, Any], listener: str, port: int) -> None:
    guard.create(inputs)
    assert _connects(listener, port, 0)


_SQUATTER = """
import socket, sys
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as server:
    print("listening", flush=True)
    server.settimeout(20)
    server.accept()
"""


def _answers(port: int, uid: int) -> bool:
    """Have another user listen on a port, and say whether a client reaches it."""
    argv = ["/usr/bin/python3", "-I", "-c", _SQUATTER, str(port)]
    with subprocess.Popen(
        argv, user=uid, group=uid, extra_groups=[], stdout=subprocess.PIPE, text=True
    ) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == "listening\n"
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return True
        except TimeoutError:
            return False
        finally:
            child.kill()


def test_a_neighbour_that_takes_the_port_is_reached_by_nobody(
    guard: Guard, inputs: dict[str, Any], port: int, uid: int
) -> None:
    guard.create(inputs)
    assert not _answers(port, uid + 2)


def test_its_own_user_that_listens_is_reached(
    guard: Guard, inputs: dict[str, Any], port: int, uid: int
) -> None:
    guard.create(inputs)
    assert _answers(port, uid)


def test_after_delete_everybody_is_let_in(
    guard: Guard, inputs: dict[str, Any], listener: str, port: int, uid: int
) -> None:
    guard.create(inputs)
    guard.delete(inputs["opaque"], inputs)
    assert _connects(listener, port, uid + 2)


def test_a_fresh_look_finds_no_drift(guard: Guard, inputs: dict[str, Any], drift: Drift) -> None:
    guard.create(inputs)
    assert drift(guard, inputs["opaque"], inputs) == set()


@pytest.mark.parametrize(
    "command", ["flush chain {}", "add rule {} accept", "insert rule {} tcp dport 1 accept"]
)
def test_a_change_by_hand_is_drift_and_put_right(
    guard: Guard, inputs: dict[str, Any], layout: HostLayout, drift: Drift, command: str
) -> None:
    guard.create(inputs)
    chain = f"inet tenantry_{layout.host_id} {inputs['opaque']}"
    subprocess.run(["nft", command.format(chain)], check=True)
    assert drift(guard, inputs["opaque"], inputs) == {"rules"}
    guard.update(inputs["opaque"], inputs, inputs)
    assert drift(guard, inputs["opaque"], inputs) == set()


def test_a_table_that_was_deleted_by_hand_is_drift(
    guard: Guard, inputs: dict[str, Any], layout: HostLayout, drift: Drift
) -> None:
    guard.create(inputs)
    subprocess.run(["nft", f"delete table inet tenantry_{layout.host_id}"], check=True)
    assert drift(guard, inputs["opaque"], inputs) is None


def test_a_chain_of_that_name_without_a_hook_is_drift_and_put_right(
    guard: Guard, inputs: dict[str, Any], layout: HostLayout, drift: Drift
) -> None:
    table = f"inet tenantry_{layout.host_id}"
    subprocess.run(["nft", f"add table {table}; add chain {table} {inputs['opaque']}"], check=True)
    assert drift(guard, inputs["opaque"], inputs) == {"rules"}
    guard.update(inputs["opaque"], inputs, inputs)
    assert drift(guard, inputs["opaque"], inputs) == set()


def test_the_table_stays_for_the_neighbours(
    guard: Guard, inputs: dict[str, Any], executor: Executor, layout: HostLayout
) -> None:
    guard.create(inputs)
    guard.create({"opaque": "tnother", "rules": []})
    guard.delete(inputs["opaque"], inputs)
    assert chains(executor, layout) == ["tnother"]


def test_ten_at_once_all_have_their_chain(
    guard: Guard, inputs: dict[str, Any], executor: Executor, layout: HostLayout
) -> None:
    names = [f"tnmany{n}" for n in range(10)]
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda name: guard.create({**inputs, "opaque": name}), names))
    assert all(observe(executor, layout, name) for name in names)


def test_it_survives_a_kill_at_each_point(
    guard: Guard, inputs: dict[str, Any], survives: Callable[..., None]
) -> None:
    survives(guard, inputs)
