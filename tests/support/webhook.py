"""Whom alerts are told, in tests."""

from __future__ import annotations

import http.server
import json
import threading
from typing import Any

__all__ = ["Webhook"]


class Webhook:
    """A server on loopback that keeps what it was told."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.refusals = 0  # requests that are answered with 503 first
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                refused = outer.refusals > 0
                outer.refusals -= refused
                if not refused:
                    outer.heard.append(body)
                self.send_response(503 if refused else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/alerts"

    def conditions(self, rule: str) -> list[str]:
        """What was told of a rule: Fired, Resolved."""
        essentials = [one["data"]["essentials"] for one in list(self.heard)]
        return [one["monitorCondition"] for one in essentials if one["alertRule"] == rule]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
