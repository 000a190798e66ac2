"""The front of a flexible server: TLS, the firewall, then the cluster's Unix socket.

It speaks the beginning of PostgreSQL's protocol (SSLRequest, StartupMessage,
CancelRequest) and passes on every byte after it. Who is refused gets the
sentence that Azure's servers write.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from enum import Enum
from pathlib import Path

from tenantry.sandbox.parts.cluster import PORT, Cluster
from tenantry.sandbox.parts.listener import Background, Listener, Pair, Peer, both_ways

__all__ = ["Forwarder", "Verdict"]

_TLS_REQUEST, _GSS_REQUEST, _CANCEL = 80877103, 80877104, 80877102
_LONGEST_START = 10_000  # bytes; PostgreSQL's own limit for a StartupMessage
_PATIENCE = 30.0  # seconds for a client to say who it is


class Verdict(Enum):
    """What becomes of a connection."""

    OPEN = "open"
    REFUSED = "refused"  # told why, as by a firewall without a rule for it
    SILENT = "silent"  # closed without a word, as where there is no public access


class Forwarder(Listener):
    """Listens on a server's own address; ``admits`` is asked for every connection, in a thread."""

    def __init__(
        self,
        background: Background,
        cluster: Cluster,
        *,
        address: str,
        certificate: Path,
        key: Path,
        admits: Callable[[Peer], Verdict],
        needs_tls: Callable[[], bool] = lambda: True,
        port: int = PORT,
    ) -> None:
        super().__init__(background, (address, port), certificate=certificate, key=key)
        self._cluster = cluster
        self._admits = admits
        self._needs_tls = needs_tls

    async def welcome(self, peer: tuple[str, int], client: Pair) -> None:
        """Negotiate, and pass on what may pass."""
        reader, writer = client
        verdict = await asyncio.to_thread(lambda: self._admits(self.who(peer)))
        if verdict is Verdict.SILENT:
            return
        async with asyncio.timeout(_PATIENCE):
            encrypted, start = await self._begin(reader, writer)
        code = struct.unpack_from("!I", start, 4)[0]
        if code != _CANCEL and (verdict is Verdict.REFUSED or not (encrypted or self._needs_no_tls())):
            writer.write(_refusal(peer[0], start, encrypted=encrypted))
            await writer.drain()
            return
        await self._pass_on(start, client)

    def _needs_no_tls(self) -> bool:
        return not self._needs_tls()

    async def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[bool, bytes]:
        """Negotiate TLS; return whether it is there, and the message that begins the session."""
        encrypted = False
        while True:
            head = await reader.readexactly(8)
            length, code = struct.unpack("!II", head)
            if code == _TLS_REQUEST and not encrypted:
                writer.write(b"S")
                await writer.drain()
                await writer.start_tls(self._tls)
                encrypted = True
            elif code == _GSS_REQUEST:
                writer.write(b"N")
                await writer.drain()
            elif 8 <= length <= _LONGEST_START:  # noqa: PLR2004 - length and code themselves
                return encrypted, head + await reader.readexactly(length - 8)
            else:
                raise EOFError

    async def _pass_on(self, start: bytes, client: Pair) -> None:
        with self._cluster.door() as folder:
            inner, outer = await asyncio.open_unix_connection(folder / f".s.PGSQL.{PORT}")
        outer.write(start)
        await both_ways(client, (inner, outer))


def _refusal(address: str, start: bytes, *, encrypted: bool) -> bytes:
    words = start[8:].split(b"\0")
    told = dict(zip(words[::2], words[1::2], strict=False))
    user = told.get(b"user", b"").decode(errors="replace")
    database = told.get(b"database", b"").decode(errors="replace") or user
    how = "SSL encryption" if encrypted else "no encryption"
    message = f'no pg_hba.conf entry for host "{address}", user "{user}", database "{database}", {how}'
    fields = b"".join(
        kind + text.encode() + b"\0"
        for kind, text in ((b"S", "FATAL"), (b"V", "FATAL"), (b"C", "28000"), (b"M", message))
    )
    return b"E" + struct.pack("!I", 4 + len(fields) + 1) + fields + b"\0"
