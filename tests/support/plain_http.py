"""HTTP as it is: one request, one answer, nothing waited for, repeated or followed."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.sandbox import Sandbox

__all__ = ["Plain", "plain"]


@dataclass(frozen=True, kw_only=True)
class Plain:
    """An answer."""

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
    request = urllib.request.Request(
        whole,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json", **(headers or {})},
    )
    context = ssl.create_default_context(cafile=sandbox.told["ca_file"])
    try:
        with urllib.request.urlopen(request, timeout=60, context=context) as answer:
            return _told(answer)
    except urllib.error.HTTPError as error:
        return _told(error)


def _told(answer: Any) -> Plain:
    text = answer.read()
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return Plain(status=answer.status, headers=headers, body=json.loads(text) if text else None)
