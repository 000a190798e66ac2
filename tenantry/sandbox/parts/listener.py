"""Listens on an address of its own, and knows whose socket the other end is."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tenantry.errors import UnavailableError

__all__ = ["Background", "Listener", "Pair", "Peer", "both_ways", "owner"]

_T = TypeVar("_T")
Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_CHUNK = 65536


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


class Listener:
    """Serves every connection in a task of its own; a subclass says what a connection gets."""

    def __init__(
        self, background: Background, address: tuple[str, int], *, certificate: Path, key: Path
    ) -> None:
        self._background = background
        self._where = address
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

    async def welcome(self, peer: tuple[str, int], client: Pair) -> None:
        """Serve a connection; it is closed afterwards."""
        raise NotImplementedError

    def who(self, peer: tuple[str, int]) -> Peer:
        """Return who is at the other end; it reads a table of the kernel, so not in the loop."""
        return Peer(address=peer[0], uid=owner(peer, self._where))

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
            name = writer.get_extra_info("peername")
            await self.welcome((name[0], name[1]), (reader, writer))
        except (OSError, EOFError, TimeoutError, ssl.SSLError, UnavailableError, asyncio.CancelledError):
            pass  # the client went away, or the server behind; there is nobody to tell
        finally:
            self._tasks.discard(task)
            writer.close()


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


async def both_ways(client: Pair, server: Pair) -> None:
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


def _hexadecimal(address: str, port: int) -> str:
    number = int.from_bytes(bytes(int(part) for part in address.split(".")), "little")
    return f"{number:08X}:{port:04X}"
