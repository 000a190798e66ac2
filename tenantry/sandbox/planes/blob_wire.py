"""HTTP between the front and an account's Azurite: small answers whole, large bodies piece by piece."""

from __future__ import annotations

import contextlib
import http.client
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from tenantry.sandbox.kinds import ArmFault

__all__ = ["Answer", "Body", "Headers", "Wire", "blob_error", "refusal"]

Headers = list[tuple[str, str]]
_HOP = frozenset(
    {
        *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailers"),
        *("transfer-encoding", "upgrade", "server", "expect"),
    }
)
_TIMEOUT_SECONDS = 120.0
_SMALL = 256 * 1024  # bytes up to which an answer is read at once
_PIECE = 64 * 1024


class Body:
    """What of an answer is still to come. Whoever drops it ends the connection."""

    def __init__(self, connection: http.client.HTTPConnection, answer: http.client.HTTPResponse) -> None:
        self._connection, self._answer = connection, answer
        self._after: list[Callable[[], None]] = []

    def at_end(self, work: Callable[[], None]) -> None:
        """Have something done when nothing more is to come, or nobody wants it any more."""
        self._after.append(work)

    def __iter__(self) -> Iterator[bytes]:
        try:
            while piece := self._answer.read(_PIECE):
                yield piece
        finally:
            self.close()

    def read(self) -> bytes:
        """Return all of it."""
        return b"".join(self)

    def close(self) -> None:
        """End the connection."""
        self._connection.close()
        while self._after:
            self._after.pop()()

    def __del__(self) -> None:
        with contextlib.suppress(Exception):
            self.close()


@dataclass
class Answer:
    """What Azurite answered, or the front."""

    status: int
    headers: Headers = field(default_factory=list)
    content: bytes = b""
    body: Body | None = None  # when it is too large for ``content``

    @property
    def good(self) -> bool:
        """Whether it did what was asked."""
        return self.status < 300  # noqa: PLR2004 - the classes of HTTP

    def get(self, name: str) -> str:
        """Return a header, "" when it is not there."""
        return next((value for key, value in self.headers if key.lower() == name), "")

    def put(self, name: str, value: str) -> None:
        """Set a header; others of its name go."""
        self.headers = [(key, old) for key, old in self.headers if key.lower() != name]
        self.headers.append((name, value))

    def whole(self) -> bytes:
        """Return the content, all of it."""
        if self.body is not None:
            self.content, self.body = self.body.read(), None
        return self.content


class Wire:
    """A way to one Azurite."""

    def __init__(self, port: int, host: str) -> None:
        """``host`` is the name by which the account is known, which signatures need."""
        self._port, self._host = port, host

    def send(
        self,
        method: str,
        target: str,
        headers: Iterable[tuple[str, str]] | Mapping[str, str] = (),
        body: bytes | Iterable[bytes] = b"",
    ) -> Answer:
        """Send a request. ``target`` is path and query as they go over the wire."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_TIMEOUT_SECONDS)
        try:
            pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            connection.putheader("Host", self._host)
            for name, value in pairs:
                if name.lower() not in _HOP and name.lower() != "host":
                    connection.putheader(name, value.encode("latin-1"))
            if isinstance(body, bytes) and not any(name.lower() == "content-length" for name, _ in pairs):
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders()
            _send_body(connection, body)
            return _answer(connection, method)
        except (OSError, http.client.HTTPException):
            connection.close()
            raise blob_error(
                503, "ServerBusy", "The server is currently unable to receive requests."
            ) from None
        except BaseException:
            connection.close()
            raise


def blob_error(status: int, code: str, message: str) -> ArmFault:
    """Return a refusal of the blob service."""
    return ArmFault(status, code, message)


def refusal(fault: ArmFault, when: str, *, head: bool = False) -> Answer:
    """Write a refusal as the blob service does."""
    number = str(uuid.uuid4())
    headers = [("x-ms-error-code", fault.code), ("x-ms-request-id", number)]
    if head:
        return Answer(fault.status, [*headers, ("Content-Length", "0")])
    text = escape(f"{fault.message}\nRequestId:{number}\nTime:{when}")
    content = (
        '<?xml version="1.0" encoding="utf-8"?>'
        f"<Error><Code>{escape(fault.code)}</Code><Message>{text}</Message></Error>"
    )
    return Answer(fault.status, [*headers, ("Content-Type", "application/xml")], content.encode())


def _send_body(connection: http.client.HTTPConnection, body: bytes | Iterable[bytes]) -> None:
    # Who is refused while sending still wants to know why.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        for piece in (body,) if isinstance(body, bytes) else body:
            if piece:
                connection.send(piece)


def _answer(connection: http.client.HTTPConnection, method: str) -> Answer:
    got = connection.getresponse()
    headers = [(name, value) for name, value in got.getheaders() if name.lower() not in _HOP]
    body = Body(connection, got)
    length = got.headers.get("Content-Length")
    is_xml = "xml" in got.headers.get("Content-Type", "") and length is None
    if method == "HEAD" or is_xml or (length is not None and int(length) <= _SMALL):
        content = b"" if method == "HEAD" else body.read()
        body.close()
        return Answer(got.status, headers, content)
    return Answer(got.status, headers, body=body)
