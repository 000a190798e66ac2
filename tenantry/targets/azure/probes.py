"""Whether a site answers over HTTPS, as people reach it."""

from __future__ import annotations

import http.client
import ssl
import urllib.error
import urllib.request
from pathlib import Path

from tenantry.targets.azure.proxies import proxies

__all__ = ["status_of"]


def status_of(url: str, *, timeout_seconds: float, ca_file: Path | None) -> int | str:
    """Return the status that a URL answers, or why there is no answer.

    Args:
        url: of HTTPS.
        timeout_seconds: for each step of it.
        ca_file: what it is verified with, and then it is not asked for through the environment's
            proxy; None: the system's authorities.
    """
    context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    handlers: list[urllib.request.BaseHandler] = [urllib.request.HTTPSHandler(context=context)]
    handlers.append(urllib.request.ProxyHandler({} if ca_file else proxies()))
    request = urllib.request.Request(url, headers={"User-Agent": "tenantry"})  # noqa: S310 - https
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=timeout_seconds) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except (OSError, http.client.HTTPException) as error:
        return f"{url}: {getattr(error, 'reason', error)}"
