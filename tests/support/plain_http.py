"""HTTP as it is: one request, one answer, nothing waited for, repeated or followed."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.http_answer import Answer
from tests.support.sandbox import Sandbox

__all__ = ["Plain", "ask", "plain"]


@dataclass(frozen=True, kw_only=True)
class Plain:
    """An answer of Resource Manager or of a data plane."""

    status: int
    headers: Mapping[str, str]  # names in lower case
    body: Any  # of JSON; None when it is empty

    @property
    def refusal(self) -> tuple[int, str]:
        """Status and code of an error."""
        return self.status, self.body["error"]["code"]


def plain(
    sandbox: Sandbox,
    method: str,
    url: str,
    version: str = "",
    *,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    audience: str = "",
) -> Plain:
    """Send one request, to Resource Manager where ``url`` is a path."""
    whole = url if url.startswith("https://") else sandbox.told["arm"] + url
    whole += f"?api-version={version}" if version else ""
    token = sandbox.credential().get_token(f"{audience or sandbox.told['arm']}/.default").token
    answer = ask(
        whole,
        method=method,
        body=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json", **(headers or {})},
        ca_file=sandbox.told["ca_file"],
    )
    return Plain(status=answer.status, headers=answer.headers, body=answer.json if answer.body else None)


def ask(
    url: str,
    *,
    method: str | None = None,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    ca_file: str | None = None,
) -> Answer:
    """Send one request with nothing added; a refusal is an answer, too."""
    request = urllib.request.Request(url, method=method, data=body, headers=dict(headers or {}))
    context = ssl.create_default_context(cafile=ca_file) if ca_file else None
    try:
        answer = urllib.request.urlopen(request, timeout=60, context=context)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        told = {name.lower(): value for name, value in answer.headers.items()}
        return Answer(status=answer.status, headers=told, body=answer.read())
