"""The tenantry-host provider as a plugin that the engine starts: pulumi-resource-tenantry-host.

It makes plain ``pulumi stack``, ``refresh`` and ``preview`` work on our stacks.
It permits the deletion of nothing that holds client data: that is for
``tenantry erase`` alone, which serves the provider itself.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tenantry.providers.base import Provider

__all__ = ["main", "serve_plugin"]

_LOOK_AT_PARENT = 2.0  # seconds


def serve_plugin(provider: Provider) -> None:
    """Serve a provider, print its port for the engine that started us, and end when that does."""
    from tenantry.providers.base import serve

    done = threading.Event()
    # The engine starts us in a group of our own, so that its SIGINT at the end is no Ctrl-C.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: done.set())
    parent = os.getppid()
    with serve(provider) as port:
        sys.stdout.write(f"{port}\n")
        sys.stdout.flush()
        while not done.wait(_LOOK_AT_PARENT) and os.getppid() == parent:
            pass


def main() -> None:
    """Serve the provider of this host."""
    from tenantry.providers.base import Provider, by_token
    from tenantry.providers.host.identity import PACKAGE, VERSION
    from tenantry.providers.host.table import handlers

    serve_plugin(Provider(PACKAGE, version=VERSION, handlers=by_token(PACKAGE, handlers())))
