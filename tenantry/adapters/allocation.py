"""Numbers that are given out once: uids and ports.

A user who inherits a uid owns whatever the last one left, and a client that
kept an old port would reach a stranger. So what was given out stays given out,
also after the instance is erased.
"""

from __future__ import annotations

import grp
import itertools
import pwd
import socket
from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, select

from tenantry.adapters.register_tables import ports, uids
from tenantry.errors import UnavailableError

__all__ = ["give_ports", "give_uid"]

_LAST_PORT = 65535


def give_uid(connection: Connection, *, host: str, base: int, opaque: str) -> int:
    """Record and return a uid, at least ``base``, that no user, group or instance has had."""
    given = set(connection.scalars(select(uids.c.uid).where(uids.c.host == host)))
    uid = next(uid for uid in itertools.count(base) if uid not in given and not _is_account(uid))
    connection.execute(uids.insert().values(host=host, uid=uid, opaque=opaque))
    return uid


def give_ports(
    connection: Connection, *, host: str, base: int, opaque: str, labels: Sequence[str]
) -> dict[str, int]:
    """Record and return a port, at least ``base``, for each label; none is in use right now.

    Raises:
        UnavailableError: no port is left.
    """
    given = set(connection.scalars(select(ports.c.port).where(ports.c.host == host)))
    free = _free_ports(base, given)
    found = {label: next(free) for label in labels}
    for label, port in found.items():
        connection.execute(ports.insert().values(host=host, port=port, opaque=opaque, label=label))
    return found


def _free_ports(base: int, given: set[int]) -> Iterator[int]:
    yield from (port for port in range(base, _LAST_PORT + 1) if port not in given and _can_bind(port))
    raise UnavailableError(
        f"no free port is left from {base} on; a port is never given out twice",
        hint="lower host.port_base in tenantry.yaml",
        code="no-port",
    )


def _can_bind(port: int) -> bool:
    """Say whether a server could listen there; one on 0.0.0.0 counts too."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do, so that connections that linger after a close do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _is_account(uid: int) -> bool:
    for look in (pwd.getpwuid, grp.getgrgid):
        try:
            look(uid)
        except KeyError:
            continue
        return True
    return False
