"""An ACME authority (RFC 8555) on a network of a test's own, where ports 80 and 443 are free.

It is the acme_server of a second Caddy, so that what the host's proxy speaks is
answered by somebody else's implementation (smallstep's), which checks the
challenges at the host name's own ports.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.support.namespaces import LET_GO
from tests.support.people import wait_until

__all__ = ["Authority", "Network", "network"]

_ID = "test"
_PORT = 14000  # of its own network, so that it is free
_HOLD = f"""
KEEP=
{LET_GO}
set -e
mount --bind "$1" /etc/hosts
ip link set lo up
exec sleep 3600
"""


class Network:
    """Namespaces for network and mounts in which the given names lead to 127.0.0.1."""

    def __init__(self, holder: subprocess.Popen[bytes]) -> None:
        self._holder = holder

    @property
    def enter(self) -> Sequence[str]:
        """What to put before a command so that it runs there."""
        return ["nsenter", f"--target={self._holder.pid}", "--mount", "--net", "--"]


@contextlib.contextmanager
def network(folder: Path, names: Sequence[str]) -> Iterator[Network]:
    """Lend a network; it goes with the last process in it."""
    hosts = folder / "hosts"
    hosts.write_text("".join(f"127.0.0.1 {name}\n" for name in ("localhost", *names)))
    holder = subprocess.Popen(
        ["unshare", "--net", "--mount", "--propagation=private", "sh", "-c", _HOLD, "sh", str(hosts)],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        comm = Path(f"/proc/{holder.pid}/comm")
        wait_until(lambda: holder.poll() is not None or comm.read_text() == "sleep\n")
        yield Network(holder)
    finally:
        holder.kill()
        holder.wait()


class Authority:
    """The authority: started and stopped at will; what it has signed stays known to it."""

    directory = f"https://localhost:{_PORT}/acme/{_ID}/directory"

    def __init__(self, folder: Path, where: Network) -> None:
        self._folder = folder
        self._where = where
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir()
        self.root = folder / "root.pem"  # what trusts it; everybody may read it

    def start(self) -> None:
        """Start it; return when its root certificate is there and it listens."""
        config = self._folder / "config.json"
        config.write_text(json.dumps(self._config()))
        self._process = subprocess.Popen(
            [*self._where.enter, "caddy", "run", "--config", str(config)],
            env={"PATH": os.environ["PATH"], "HOME": str(self._folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        made = self._folder / "pki" / "authorities" / _ID / "root.crt"
        wait_until(made.exists)
        self.root.write_bytes(made.read_bytes())
        self.root.chmod(0o644)
        wait_until(self._answers)

    def stop(self) -> None:
        """Stop it."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(timeout=30)
            self._process = None

    def _answers(self) -> bool:
        argv = [*self._where.enter, "curl", "-fsS", "--cacert", str(self.root), self.directory]
        time.sleep(0.1)
        return subprocess.run(argv, capture_output=True, check=False).returncode == 0

    def _config(self) -> dict[str, object]:
        own = {"module": "internal", "ca": _ID}
        route = {
            "match": [{"host": ["localhost"]}],
            "handle": [{"handler": "acme_server", "ca": _ID, "host": f"localhost:{_PORT}"}],
        }
        server = {
            "listen": [f"127.0.0.1:{_PORT}"],
            "routes": [route],
            "automatic_https": {"disable_redirects": True},
            "tls_connection_policies": [{}],
        }
        return {
            "admin": {"disabled": True},
            "storage": {"module": "file_system", "root": str(self._folder)},
            "apps": {
                "pki": {"certificate_authorities": {_ID: {"install_trust": False}}},
                "tls": {"automation": {"policies": [{"subjects": ["localhost"], "issuers": [own]}]}},
                "http": {"http_port": _PORT - 1, "https_port": _PORT, "servers": {"acme": server}},
            },
        }
