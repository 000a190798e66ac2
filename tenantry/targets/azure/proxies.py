"""The proxies of the environment, chosen by one rule for every request that leaves this machine.

It is the rule of ``requests``: a name in lower case counts more than one in capitals, also
where it is empty, and ``ALL_PROXY`` stands in for a scheme that has none. What the engine is
written in does not know that one, nor does ``urllib``.
"""

from __future__ import annotations

import os
import re
import urllib.request
from typing import Final

from tenantry.errors import SpecError

__all__ = ["environment", "proxies"]

_SCHEMES: Final = ("https", "http")
# What the engine would not take it tells with all that is in it, a password too. SOCKS our own requests
# cannot do.
_PROXY: Final = re.compile(
    r"(https?://)?(([\w.~!$&'()*+,;=:-]|%[0-9A-Fa-f]{2})*@)?([\w.-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?/?",
    re.ASCII,
)


def proxies() -> dict[str, str]:
    """Return the proxy of each scheme that has one."""
    found = urllib.request.getproxies()
    every = found.get("all", "")
    return {scheme: url for scheme in _SCHEMES if (url := found.get(scheme, every))}


def environment() -> dict[str, str]:
    """Return the variables by which the engine, and what it starts, take the same proxies.

    Raises:
        SpecError: a proxy's URL is none that all take.
    """
    found = {f"{scheme.upper()}_PROXY": url for scheme, url in proxies().items()}
    for name, url in found.items():
        if not _PROXY.fullmatch(url):
            told = name if _is_set(name) else "ALL_PROXY"
            raise SpecError(
                f"{told} in the environment is no URL of an HTTP proxy",
                hint="write it as http://USER:PASSWORD@HOST:PORT, with other characters than letters and "
                "digits in user and password as %XX; a SOCKS proxy is not taken",
                code="malformed-proxy",
            )
    none = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    return found | ({"NO_PROXY": none} if none else {})


def _is_set(name: str) -> bool:
    return bool(os.environ.get(name.lower(), os.environ.get(name)))
