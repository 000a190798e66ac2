"""What host names, addresses and URLs must look like."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from typing import Final
from urllib.parse import SplitResult, urlsplit

from tenantry.config.formats import HOST_NAME_PATTERN, HOSTNAME_PATTERN, look_alike
from tenantry.config.problems import Fault, shorten

__all__ = ["address_fault", "hostname_fault", "is_reached_from_afar", "special_use", "url_fault"]

_MOST_HOSTNAME: Final = 253  # RFC 1123, in characters
_PUNYCODE: Final = "xn--"  # RFC 5890
_NO_TEXT: Final = frozenset({"Cc", "Co", "Cs", "Zl", "Zp", "Zs"})  # Unicode's categories
_LETTER: Final = re.compile("[^\\W\\d_]")
# Scripts that one word may be written in together; each other word has one.
_TOGETHER: Final = frozenset({"CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO", "LATIN"})
# Of RFC 6761 and those after it, and .internal of ICANN.
_SPECIAL: Final = frozenset(
    ["alt", "arpa", "example", "internal", "invalid", "local", "localhost", "onion", "test"]
)
_IN_URLS: Final = frozenset(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/?#[]@!$&'()*+,;=%"  # RFC 3986
)


def hostname_fault(text: str) -> Fault | None:  # noqa: PLR0911 - one return per thing that can be wrong
    """Ask for a fully qualified host name (RFC 1123) in lower case, internationalised ones as punycode."""
    if not text.isascii():
        return _not_ascii(text)
    if any(c in text for c in "/:@?# ") or "*" in text:
        return _bad("must be a host name alone, without scheme, port, path or wildcard", _EXAMPLE)
    if is_address(text):
        return _bad("must be a host name, not an IP address", _EXAMPLE)
    if text.endswith(".") and text.strip("."):
        return _bad("must not end in a dot", _proposal(text) or _EXAMPLE)
    if text != text.lower():
        return _bad("must be in lower case", _proposal(text) or _EXAMPLE)
    if re.match(HOST_NAME_PATTERN, text) and not text.endswith("\n"):
        return _bad("must have a domain", f"such as: {text}.example.org")
    if len(text) > _MOST_HOSTNAME or re.match(HOSTNAME_PATTERN, text) is None or text.endswith("\n"):
        return _bad(
            "is no valid host name (RFC 1123): parts of 1 to 63 letters, digits and inner hyphens", _EXAMPLE
        )
    return _punycode_fault(text)


_EXAMPLE: Final = "such as: benin.example.org"


def _bad(message: str, hint: str = "") -> Fault:
    return Fault(code="bad-hostname", message=message, hint=hint)


def _not_ascii(text: str) -> Fault:
    return _look_alike(text) or _bad("must be ASCII", _proposal(text) or "write its punycode form (xn--…)")


def _punycode_fault(text: str) -> Fault | None:
    """Ask of a name in ASCII what is asked of the one that it stands for."""
    try:
        written = ".".join(map(_decoded, text.split(".")))
    except UnicodeError:
        return _bad(
            "has a part xn--… that stands for nothing", "write the name in its own letters to be told"
        )
    if (fault := _look_alike(written)) is None:
        return None
    return _bad(f"stands for a name that {fault.message}", fault.hint)


def _decoded(label: str) -> str:
    """Return what a part of a name stands for. Raise UnicodeError if no name is ever written so."""
    if not label.startswith(_PUNYCODE):
        return label
    found = label.removeprefix(_PUNYCODE).encode("ascii").decode("punycode")
    # Capitals, wide letters and the like become others before a name is looked up, and plain ASCII stays.
    other = found != unicodedata.normalize("NFKC", found.lower())
    if found.isascii() or other or any(unicodedata.category(c) in _NO_TEXT for c in found):
        raise UnicodeError
    return found


def _look_alike(text: str) -> Fault | None:
    hidden = next((c for c in text if unicodedata.category(c) == "Cf"), None)
    strange = hidden or _of_another_script(text)
    if strange is None:
        return None
    told = look_alike(text, strange)
    return _bad(told.message, told.hint)


def _of_another_script(text: str) -> str | None:
    """Return a letter that stands in one word with letters of another script."""
    for word in text.split("."):
        letters = [c for c in word if _LETTER.fullmatch(c)]
        scripts = {c: unicodedata.name(c, "?").split(" ")[0] for c in letters}
        if len(set(scripts.values())) > 1 and not set(scripts.values()) <= _TOGETHER:
            return next(c for c, script in scripts.items() if script != "LATIN")
    return None


def _proposal(text: str) -> str:
    """Return a hint with the name as it may stand there, or nothing."""
    try:
        name = text.rstrip(".").lower().encode("idna").decode("ascii")
    except UnicodeError:
        return ""
    return "" if hostname_fault(name) else f"write {shorten(name, limit=_MOST_HOSTNAME)}"


def is_address(text: str) -> bool:
    """Say whether a text is an IP address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def address_fault(text: str) -> Fault | None:
    """Ask for an IP address."""
    if is_address(text):
        return None
    return Fault(
        code="wrong-format", message="must be an IP address of this machine", hint="such as: 127.0.0.1"
    )


def url_fault(text: str) -> Fault | None:
    """Ask for an https URL, for http only on this machine. No message repeats it: it may hold a secret."""
    if text != text.strip():
        return _no_url("begins or ends with a space", "take it out")
    if strange := next((c for c in text if c not in _IN_URLS), None):
        label = unicodedata.name(strange, "an unnamed character")
        message = f"holds U+{ord(strange):04X} {label}, which may not stand in a URL"
        return _no_url(message, "it is of ASCII letters, digits and -._~:/?#[]!$&'()*+,;=% alone")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return _no_url("has a host or port that there cannot be", _PORT)
    if parts.username is not None:
        return _no_url("must be an https:// URL without a user in it")
    return _scheme_fault(parts, text) or _host_fault(host, parts.netloc, port)


def _scheme_fault(parts: SplitResult, text: str) -> Fault | None:
    written = text.split(":", 1)[0]
    if written != written.lower() and parts.scheme in {"http", "https"}:
        return _no_url("must have its scheme in lower case", f"write {parts.scheme}:// in lower case")
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in {"localhost", "127.0.0.1"}):
        return None
    hint = "http:// is taken for localhost and 127.0.0.1 alone" if parts.scheme == "http" else ""
    return _no_url("must be an https:// URL", hint or "such as: https://example.org/path")


def _host_fault(host: str, where: str, port: int | None) -> Fault | None:
    if not host:
        return _no_url("names no host", "such as: https://example.org/path")
    if port == 0 or where.endswith(":"):
        return _no_url("has a port that there cannot be", _PORT)
    if where.startswith("["):
        return None if is_address(host) and "%" not in host else _no_url("has no address in its [ ]", _PORT)
    # A machine of the own network may have a name of one word.
    if is_address(host) or re.match(HOST_NAME_PATTERN, host):
        return None
    fault = hostname_fault(host)
    return _no_url(f"names a host that there cannot be: it {fault.message}", fault.hint) if fault else None


_PORT: Final = "a port is a number of 1 to 65535, and [ ] hold an IPv6 address: https://[2001:db8::1]:8443/"


def _no_url(message: str, hint: str = "") -> Fault:
    return Fault(code="wrong-format", message=message, hint=hint)


def is_reached_from_afar(url: str) -> bool:
    """Say whether a URL that url_fault lets pass can lead somewhere from outside of this network."""
    host = urlsplit(url).hostname or ""
    if is_address(host):
        return ipaddress.ip_address(host).is_global
    return "." in host and not special_use(host)


def special_use(host: str) -> str:
    """Return the top-level name of a host where it is one under which the internet finds nothing."""
    top = host.rpartition(".")[2]
    return top if top in _SPECIAL else ""
