"""A door with TLS in front of a Unix socket: who may pass is asked for every connection."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from tenantry.sandbox.parts.forwarder import Background, Peer, both_ways, owner

__all__ = ["Gate"]


class Gate:
    """Listens on an address of its own. Who may not pass is closed before a word, as without a route."""

    def __init__(
        self,
        background: Background,
        *,
        address: tuple[str, int],
        inner: Path,
        certificate: Path,
        key: Path,
        admits: Callable[[Peer], bool],
    ) -> None:
        """``inner`` is the socket that it leads to; ``admits`` runs in a thread."""
        self._background = background
        self._where = address
        self._inner = inner
        self._admits = admits
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
        # Bytes that came before TLS begins would be lost: a client may say hello at once.
        cast("asyncio.Transport", writer.transport).pause_reading()
        try:
            name = writer.get_extra_info("peername")
            if await asyncio.to_thread(self._judge, (name[0], name[1])):
                await writer.start_tls(self._tls)
                inner, outer = await asyncio.open_unix_connection(self._inner)
                await both_ways((reader, writer), (inner, outer))
        except (OSError, EOFError, ssl.SSLError, asyncio.CancelledError):
            pass  # the client went away, or the server behind; there is nobody to tell
        finally:
            self._tasks.discard(task)
            writer.close()

    def _judge(self, peer: tuple[str, int]) -> bool:
        return self._admits(Peer(address=peer[0], uid=owner(peer, self._where)))
