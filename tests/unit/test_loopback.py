"""Who is at the other end of a loopback connection."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator

import pytest

from tenantry import loopback

_NOBODY = 65534


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        yield server


def test_a_connection_of_our_own_is_ours(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    with socket.create_connection(("127.0.0.1", port)) as client:
        assert loopback.owner(client.getsockname()[1], port) == os.geteuid()
        assert loopback.is_ours(f"ipv4:127.0.0.1:{client.getsockname()[1]}", port)


def test_a_connection_of_another_user_is_not(listener: socket.socket) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    port = listener.getsockname()[1]
    script = f"exec 3<>/dev/tcp/127.0.0.1/{port}; read -r line <&3"
    with subprocess.Popen(["bash", "-c", script], user=_NOBODY, group=_NOBODY, extra_groups=[]) as child:
        connection, (_, peer_port) = listener.accept()
        with connection:
            assert loopback.owner(peer_port, port) == _NOBODY
            assert not loopback.is_ours(f"ipv4:127.0.0.1:{peer_port}", port)
            connection.sendall(b"\n")
        child.wait(10)


def test_a_connection_that_is_gone_has_no_owner(listener: socket.socket) -> None:
    assert loopback.owner(1, listener.getsockname()[1]) is None


@pytest.mark.parametrize("peer", ["unix:", "ipv6:[::1]:4000", "ipv4:10.0.0.1:4000", "ipv4:127.0.0.1:x", ""])
def test_what_does_not_come_over_loopback_is_not_ours(peer: str, listener: socket.socket) -> None:
    assert not loopback.is_ours(peer, listener.getsockname()[1])
