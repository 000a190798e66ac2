"""Small JSON answers over plain HTTP on the loopback interface, for programs of our own user."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

from tenantry import loopback

if TYPE_CHECKING:
    from email.message import Message

__all__ = ["Answer", "Asked", "answering"]

Answer = tuple[int, Mapping[str, str]]  # status and body

_LOOPBACK: Final = "127.0.0.1"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request."""

    path: str
    query: Mapping[str, str]  # of a name that came several times the first value
    headers: Message  # by name, in any case
    is_ours: bool  # whether a process of our own user, or of root's, asks


@contextmanager
def answering(answer: Callable[[Asked], Answer]) -> Iterator[str]:
    """Answer each GET, in a thread of its own, while the block runs; yield the URL before the path."""

    class _Handler(BaseHTTPRequestHandler):
        timeout = 30  # seconds for a request to arrive

        def do_GET(self) -> None:
            """Answer one request."""
            url = urlsplit(self.path)
            peer = f"ipv4:{self.client_address[0]}:{self.client_address[1]}"
            status, body = answer(
                Asked(
                    path=url.path,
                    query={name: values[0] for name, values in parse_qs(url.query).items()},
                    headers=self.headers,
                    is_ours=loopback.is_ours(peer, server.server_port),
                )
            )
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is its parent's
            """Log nothing: what is asked for is nobody else's business."""

    server = _Server((_LOOPBACK, 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://{_LOOPBACK}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Write nothing to standard error, that is the person's: who asked may be gone meanwhile."""
