"""The certificates of the HTTPS listener: one for the cloud's own names, others by the name in the hello."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

from tenantry.sandbox.settings import write

__all__ = ["server_context"]


def server_context(pem: str, *, folder: Path, own: str, served: Callable[[str], str]) -> ssl.SSLContext:
    """Return the context of a listener.

    Args:
        pem: certificate and key of the cloud's own names.
        folder: a private one; a key lies there for as long as it is read.
        own: what the cloud's own names end in.
        served: certificate and key of another name; "" when there are none: then ours is shown, and
            who verifies it refuses.
    """
    known: dict[str, ssl.SSLContext] = {}

    def choose(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        if name is None or name.endswith(own):
            return
        text = served(name.lower())
        if text:
            if text not in known:
                known[text] = _context(text, folder)
            connection.context = known[text]

    context = _context(pem, folder)
    context.sni_callback = choose
    return context


def _context(pem: str, folder: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    file = folder / "server.pem"
    write(file, pem)
    try:
        context.load_cert_chain(file)
    finally:
        file.unlink()
    return context
