"""Who is at the other end of a connection on the loopback interface.

Every local user can reach every port on 127.0.0.1, the users of instances too.
A server that works with our rights therefore asks the kernel for the owner of
each caller's socket and serves only the user that it runs as.
"""

from __future__ import annotations

import os
import socket
import struct

__all__ = ["is_ours", "owner"]

_SOCK_DIAG = 4  # NETLINK_SOCK_DIAG
_BY_FAMILY = 20  # SOCK_DIAG_BY_FAMILY, in the request and in the answer
_ANY = 0xFFFFFFFF
_LOCALHOST = socket.inet_aton("127.0.0.1")
_HEADER = struct.Struct("=IHHII")
_UID_AT = 16 + 4 + 48 + 12  # header, family and state, socket id, expires and queues
_ANSWER = _UID_AT + 4


def owner(peer_port: int, server_port: int) -> int | None:
    """Return the user of the socket 127.0.0.1:peer_port that is connected to server_port.

    None: there is no such connection any more, or the kernel did not say.
    """
    addresses = struct.pack("!HH4s12x4s12x", peer_port, server_port, _LOCALHOST, _LOCALHOST)
    socket_id = addresses + struct.pack("=III", 0, _ANY, _ANY)
    request = struct.pack("=BBBBI", socket.AF_INET, socket.IPPROTO_TCP, 0, 0, _ANY) + socket_id
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _SOCK_DIAG) as kernel:
            kernel.settimeout(2)
            kernel.send(_HEADER.pack(_HEADER.size + len(request), _BY_FAMILY, 1, 1, 0) + request)
            answer = kernel.recv(4096)
    except OSError:
        return None
    if len(answer) < _ANSWER or _HEADER.unpack_from(answer)[1] != _BY_FAMILY:
        return None
    return int(struct.unpack_from("=I", answer, _UID_AT)[0])


def is_ours(peer: str, server_port: int) -> bool:
    """Say whether a gRPC peer ("ipv4:127.0.0.1:40312") is a process of our own user, or root's."""
    scheme, _, rest = peer.partition(":")
    address, _, port = rest.rpartition(":")
    if scheme != "ipv4" or address != "127.0.0.1" or not port.isdigit():
        return False
    return owner(int(port), server_port) in {os.geteuid(), 0}
