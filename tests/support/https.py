"""An HTTPS server on loopback that answers what a test tells it to."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tenantry.adapters.certificates import make_server_certificate

__all__ = ["Server", "https_server"]


@dataclass(kw_only=True)
class Server:
    """What it answers, where it is, and what it was asked."""

    ca_file: Path
    url: str = ""  # without a slash at the end
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    asked: list[str] = field(default_factory=list)  # "GET /path"

    def answer(self, status: int, kind: str, body: str, **headers: str) -> None:
        """Answer so from now on."""
        self.status, self.body = status, body.encode()
        self.headers = {"Content-Type": kind, **headers}


@contextmanager
def https_server(folder: Path) -> Iterator[Server]:
    """Run one with a certificate of its own authority."""
    made = make_server_certificate(authority="test", names=["127.0.0.1"])
    told = Server(ca_file=folder / "ca.pem")
    told.ca_file.write_text(made.authority)
    (folder / "server.pem").write_text(made.certificate + made.key)

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            told.asked.append(f"{self.command} {self.path}")
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response_only(told.status)
            headers = {"Content-Length": str(len(told.body)), "Connection": "close", **told.headers}
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(told.body)

        do_GET = do_PUT = do_POST = do_DELETE = answer  # noqa: N815 - the names are its parent's

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    told.url = f"https://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
