"""The sandbox's process: ``python -m tenantry.sandbox.serve FOLDER``, started by the command line."""

from __future__ import annotations

import asyncio
import asyncio.constants
import json
import logging
import os
import signal
import socket
import ssl
import sys
import threading
from pathlib import Path

import anyio.to_thread
import uvicorn

from tenantry.sandbox.ca import Authority
from tenantry.sandbox.cloud import WILDCARDS, SandboxCloud
from tenantry.sandbox.credentials import Credentials
from tenantry.sandbox.faults import Faults
from tenantry.sandbox.machine import machine
from tenantry.sandbox.registry import all_kinds
from tenantry.sandbox.server import Server
from tenantry.sandbox.settings import Identity, Places, endpoints, write
from tenantry.sandbox.store import Store
from tenantry.sandbox.tls import server_context
from tenantry.sandbox.tokens import Tokens

__all__ = ["main"]

_THREADS = 200  # requests at a time that wait for real parts
_GOODBYE_SECONDS = 0.2
_SWEEP_SECONDS = 5.0
_log = logging.getLogger(__name__)


def main() -> None:
    """Serve until a signal asks to end."""
    places = Places(Path(sys.argv[1]))
    identity = places.identity()
    if identity is None:
        sys.exit("the sandbox has no identity yet")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    logging.getLogger("azure").setLevel(logging.WARNING)
    os.umask(0o077)
    Running(identity, places).run()


class Running:
    """One run of the server."""

    def __init__(self, identity: Identity, places: Places) -> None:
        self._places = places
        self._identity = identity
        data = Path(identity.data)
        data.mkdir(parents=True, exist_ok=True)
        for folder in (data.parent, data) if os.geteuid() == 0 else (data,):
            folder.chmod(0o711)  # whatever the umask: users of real parts pass through
        self._authority = Authority(places.authority)
        self._store = Store(data / "state.sqlite")
        tokens = Tokens(places.folder, identity)
        parts = data / "parts"
        parts.mkdir(exist_ok=True)
        parts.chmod(0o711)
        self._cloud = SandboxCloud(
            store=self._store,
            identity=identity,
            tokens=tokens,
            folder=parts,
            ca_file=self._authority.ca_file,
        )
        self._cloud.use(all_kinds(self._authority.issue, identity))
        self._credentials = Credentials(places, identity, self._cloud.now)
        self._cloud.when_swept(self._credentials.renew)
        faults = Faults(self._store)
        self._faults = faults
        self._server = Server(self._cloud, faults, self._credentials, control_key=identity.client_secret)
        self._ending = threading.Event()

    def run(self) -> None:
        """Serve until a signal asks to end; then end every part."""
        for number in (signal.SIGTERM, signal.SIGINT):
            # uvicorn raises the signal once more when it has ended: it must not end us before the parts.
            signal.signal(number, lambda *_: self._ending.set())
        for kind in self._cloud.kinds.values():
            kind.resume(self._cloud)
        self._cloud.publish()
        self._credentials.renew()
        sweeper = threading.Thread(target=self._sweep, name="sweep", daemon=True)
        sweeper.start()
        try:
            header = self._places.header_file.read_text(encoding="ascii").strip()
            with machine(self._identity, self._cloud.tokens, header=header) as host:
                if not self._ending.is_set():
                    asyncio.run(self._serve(host))
        finally:
            self._ending.set()
            self._places.endpoints_file.unlink(missing_ok=True)
            self._faults.release()
            self._server.arm.operations.close()
            for kind in self._cloud.kinds.values():
                try:
                    kind.stop(self._cloud)
                except Exception:  # noqa: BLE001 - the others are to stop in any case
                    _log.exception("%s does not stop", kind.type)
            self._cloud.withdraw()
            self._store.close()

    async def _serve(self, host: str) -> None:
        anyio.to_thread.current_default_thread_limiter().total_tokens = _THREADS
        config = uvicorn.Config(
            self._server,
            log_config=None,
            access_log=False,
            date_header=False,
            server_header=False,
            lifespan="off",
            timeout_keep_alive=120,
            timeout_graceful_shutdown=5,
        )
        # A client that keeps an idle connection would hold us up until it says goodbye.
        constants = vars(asyncio.constants)
        constants["SSL_SHUTDOWN_TIMEOUT"] = _GOODBYE_SECONDS
        config.load()
        config.ssl = self._tls()
        server = uvicorn.Server(config)
        listener = socket.create_server(
            (self._identity.address, self._identity.port), backlog=512, reuse_port=False
        )
        # asyncio does so only for sockets that name TCP; else every answer waits 40 ms for an ACK.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        text = endpoints(self._identity, self._places, pid=os.getpid(), machine=host)
        write(self._places.endpoints_file, _json(text))
        await server.serve(sockets=[listener])

    def _tls(self) -> ssl.SSLContext:
        names = [f"{one}.{self._identity.suffix}" for one in WILDCARDS]
        certificate, key = self._authority.issue([*names, self._identity.address])
        return server_context(
            certificate.decode() + key.decode(),
            folder=self._places.folder,
            own=self._identity.suffix,
            served=self._cloud.served,
        )

    def _sweep(self) -> None:
        while not self._ending.wait(_SWEEP_SECONDS):
            try:
                self._cloud.sweep()
            except Exception:  # noqa: BLE001 - the next one may do better
                _log.exception("the sweep failed")


def _json(value: object) -> str:
    return json.dumps(value, indent=1) + "\n"


if __name__ == "__main__":
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    main()
