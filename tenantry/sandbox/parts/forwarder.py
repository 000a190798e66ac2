"""The front of a flexible server: TLS, the firewall, then the cluster's Unix socket.

It speaks the beginning of PostgreSQL's protocol (SSLRequest, StartupMessage,
CancelRequest) and passes on every byte after it. Who is refused gets the
sentence that Azure's servers write.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import struct
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

from tenantry.errors import UnavailableError
from tenantry.sandbox.parts.cluster import PORT, Cluster

__all__ = ["Background", "Forwarder", "Peer", "Verdict", "both_ways", "owner"]

_T = TypeVar("_T")
_Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_TLS_REQUEST, _GSS_REQUEST, _CANCEL = 80877103, 80877104, 80877102
_LONGEST_START = 10_000  # bytes; PostgreSQL's own limit for a StartupMessage
_CHUNK = 65536
_PATIENCE = 30.0  # seconds for a client to say who it is


class Verdict(Enum):
    """What becomes of a connection."""

    OPEN = "open"
    REFUSED = "refused"  # told why, as by a firewall without a rule for it
    SILENT = "silent"  # closed without a word, as where there is no public access


@dataclass(frozen=True)
class Peer:
    """Who connects: the address, and the user whose socket it is, when the kernel says so."""

    address: str
    uid: int | None


class Background:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="forwarders", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Run something there and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def close(self) -> None:
        """End the loop and its thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def owner(
    peer: tuple[str, int], server: tuple[str, int], *, table: Path = Path("/proc/net/tcp")
) -> int | None:
    """Return the user of the socket ``peer`` that is connected to ``server``, both IPv4 on this machine."""
    wanted = (_hexadecimal(*peer), _hexadecimal(*server))
    try:
        lines = table.read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return None
    for line in lines:
        fields = line.split()
        if (fields[1], fields[2]) == wanted:
            return int(fields[7])
    return None


class Forwarder:
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
        self._background = background
        self._cluster = cluster
        self._where = (address, port)
        self._admits = admits
        self._needs_tls = needs_tls
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.minimum_version = ssl.TLSVersion.TLSv1_2
        self._tls.load_cert_chain(certificate, key)

    def start(self) -> None:
        """Listen; once more does nothing."""
        if self._server is None:
            self._server = self._background.run(asyncio.start_server(self._serve, *self._where))

    def stop(self) -> None:
        """Listen no more and end every connection."""
        if self._server is not None:
            self._background.run(self._close(self._server))
            self._server = None

    async def _close(self, server: asyncio.Server) -> None:
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._welcome(reader, writer)
        except (OSError, EOFError, TimeoutError, ssl.SSLError, UnavailableError, asyncio.CancelledError):
            pass  # the client went away, or the cluster; there is nobody to tell
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        name = writer.get_extra_info("peername")
        verdict = await asyncio.to_thread(self._judge, (name[0], name[1]))
        if verdict is Verdict.SILENT:
            return
        async with asyncio.timeout(_PATIENCE):
            encrypted, start = await self._begin(reader, writer)
        code = struct.unpack_from("!I", start, 4)[0]
        if code != _CANCEL and (verdict is Verdict.REFUSED or not (encrypted or self._needs_no_tls())):
            writer.write(_refusal(name[0], start, encrypted=encrypted))
            await writer.drain()
            return
        await self._pass_on(start, reader, writer)

    def _judge(self, peer: tuple[str, int]) -> Verdict:
        return self._admits(Peer(address=peer[0], uid=owner(peer, self._where)))

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

    async def _pass_on(
        self, start: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with self._cluster.door() as folder:
            inner, outer = await asyncio.open_unix_connection(folder / f".s.PGSQL.{PORT}")
        outer.write(start)
        await both_ways((reader, writer), (inner, outer))


async def both_ways(client: _Pair, server: _Pair) -> None:
    """Pass on what each says to the other until one of them ends; then close the server's side."""
    ways = [
        asyncio.create_task(_copy(client[0], server[1])),
        asyncio.create_task(_copy(server[0], client[1])),
    ]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        server[1].close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()


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


def _hexadecimal(address: str, port: int) -> str:
    number = int.from_bytes(bytes(int(part) for part in address.split(".")), "little")
    return f"{number:08X}:{port:04X}"
