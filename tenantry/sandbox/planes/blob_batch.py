"""Several requests in one: a multipart body of deletes, each answered on its own."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from http import HTTPStatus

from tenantry.sandbox.planes.blob_access import Target, target_of
from tenantry.sandbox.planes.blob_wire import Answer, blob_error

__all__ = ["answer_batch"]

_MOST = 256  # requests in one, as Azure has it
_LARGEST = 4 * 1024 * 1024
_WORDS = 3  # method, target, protocol


def answer_batch(outer: Target, body: Iterator[bytes], ask: Callable[[Target], Answer]) -> Answer:
    """Answer a batch; ``ask`` answers one request of it."""
    kind = outer.headers.get("content-type", "")
    boundary = kind.partition("boundary=")[2].strip('"')
    content = bytearray()
    for piece in body:
        content += piece
        if len(content) > _LARGEST:
            raise blob_error(413, "RequestBodyTooLarge", "The request body is too large.")
    parts = bytes(content).split(f"--{boundary}".encode())[1:-1] if boundary else []
    if not parts or len(parts) > _MOST:
        raise blob_error(400, "InvalidInput", f"A batch has 1 to {_MOST} requests.")
    mark = f"batchresponse_{uuid.uuid4()}"
    told = b"".join(f"--{mark}\r\n".encode() + _answered(outer, part, ask) for part in parts)
    headers = [("Content-Type", f"multipart/mixed; boundary={mark}")]
    return Answer(202, headers, told + f"--{mark}--\r\n".encode())


def _answered(outer: Target, part: bytes, ask: Callable[[Target], Answer]) -> bytes:
    envelope, _, text = part.strip(b"\r\n").partition(b"\r\n\r\n")
    number = _headers(envelope.split(b"\r\n")).get("content-id", "")
    answer = ask(_request(outer, text))
    phrase = HTTPStatus(answer.status).phrase
    lines = [
        "Content-Type: application/http",
        *([f"Content-ID: {number}"] if number else []),
        "",
        f"HTTP/1.1 {answer.status} {phrase}",
        *(f"{name}: {value}" for name, value in answer.headers),
        "",
        "",
    ]
    return "\r\n".join(lines).encode("latin-1") + answer.whole() + b"\r\n"


def _request(outer: Target, text: bytes) -> Target:
    head = text.partition(b"\r\n\r\n")[0].split(b"\r\n")
    words = head[0].decode("latin-1").split(" ")
    if len(words) != _WORDS:
        raise blob_error(400, "InvalidInput", "A request of the batch has no request line.")
    path, _, query = words[1].partition("?")
    # The client's version holds for all of them; a signature is of the inner request alone.
    headers = {"host": outer.headers.get("host", ""), **_headers(head[1:])}
    found = target_of(words[0], path, query, headers)
    if found.method != "DELETE" and found.comp != "tier":
        raise blob_error(400, "InvalidInput", "A batch deletes blobs or sets their tiers.")
    return found


def _headers(lines: list[bytes]) -> dict[str, str]:
    pairs = (line.decode("latin-1").partition(":") for line in lines)
    return {name.strip().lower(): value.strip() for name, _, value in pairs if name.strip()}
