"""A door with TLS in front of a Unix socket: who may pass is asked for every connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import cast

from tenantry.sandbox.parts.listener import Background, Listener, Pair, Peer, both_ways

__all__ = ["Gate"]


class Gate(Listener):
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
        super().__init__(background, address, certificate=certificate, key=key)
        self._inner = inner
        self._admits = admits

    async def welcome(self, peer: tuple[str, int], client: Pair) -> None:
        """Judge, begin TLS, pass on."""
        # Bytes that came before TLS begins would be lost: a client may say hello at once.
        cast("asyncio.Transport", client[1].transport).pause_reading()
        if await asyncio.to_thread(lambda: self._admits(self.who(peer))):
            await client[1].start_tls(self._tls)
            await both_ways(client, await asyncio.open_unix_connection(self._inner))
