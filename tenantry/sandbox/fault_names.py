"""Looks up what a rehearsal names: a fault for something that is not there would never be met."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from tenantry.config.formats import did_you_mean
from tenantry.config.problems import shorten
from tenantry.config.regions import catalogue
from tenantry.sandbox.arm_deleted import LISTS
from tenantry.sandbox.cloud import SandboxCloud
from tenantry.sandbox.faults import same
from tenantry.sandbox.styles import Way, style_of

__all__ = ["Refused", "look_up"]

_SERVER: Final = "Microsoft.DBforPostgreSQL/flexibleServers"
# What was deleted is purged by a POST to a path of its own.
_PURGED: Final = tuple(f"{one.partition('/')[0]}/locations/{kept}/purge" for one, kept in LISTS.items())
_WRITES: Final = ("PUT", "PATCH", "DELETE")
_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


class Refused(Exception):  # noqa: N818 - an answer more than an error
    """What a rehearsal asks for cannot be."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def look_up(cloud: SandboxCloud, body: dict[str, Any]) -> None:
    """Raise Refused unless the server, region, type or method that a fault names can be met."""
    value = str(body.get("value", ""))
    match body["kind"]:
        case "disk":
            _server(cloud, str(body["type_"]))
        case "disabled":
            known = cloud.identity.subscriptions
            _known(value, known, "subscription of this sandbox", f"one of {', '.join(known)}")
        case "capacity" | "standby":
            _known(value, [one.name for one in catalogue()], "region of Azure", "tenantry region list --all")
        case "stuck" | "policy":
            _type(cloud, value)
        case "code":
            _type(cloud, str(body["type_"]), *_PURGED)
            _method(str(body.get("match", "")), _METHODS, "method of HTTP")
        case "fail":
            _long(cloud, str(body["type_"]), str(body.get("match", "")))
    if match := str(body.get("match", "")):
        _request(cloud, match)


def _server(cloud: SandboxCloud, name: str) -> None:
    servers = [one.name for one in cloud.children("", _SERVER)]
    _known(name, servers, "database server of this sandbox", "" if servers else "it has none yet")


def _type(cloud: SandboxCloud, name: str, *more: str) -> None:
    types = [*cloud.known_types(), *more]
    if not any(same(name, one) for one in types):
        _known(name, _names(types), "type of the sandbox", "such as vaults, or Microsoft.KeyVault/vaults")


def _long(cloud: SandboxCloud, name: str, method: str) -> None:
    """Ask for writes that go on after they were accepted: others are refused, or done, at once."""
    _type(cloud, name)
    _method(method, _WRITES, "write that can go on after its answer")
    styles = [style_of(one) for one in cloud.known_types() if same(name, one)]
    ways = [one.delete if method.upper() == "DELETE" else one.put for one in styles]
    if all(way is Way.AT_ONCE for way in ways):
        written = method.upper() or "PUT"
        raise Refused(
            f"a {written} of {shorten(name)} ends with its answer",
            f"tenantry sandbox faults code CODE {shorten(name)} --match {written}",
        )


def _method(name: str, known: Iterable[str], what: str) -> None:
    if name.upper() not in {"", *known}:
        _known(name, known, what, "such as PUT")


def _request(cloud: SandboxCloud, text: str) -> None:
    """Ask for a method, a type, or a host of a data plane."""
    types = cloud.known_types()
    if text.upper() in _METHODS or any(same(text, one) for one in types):
        return
    if not text.lower().endswith(f".{cloud.suffix}"):
        _known(
            text, [*_METHODS, *_names(types)], "method, nor a type of the sandbox", "such as PUT, or vaults"
        )


def _names(types: Iterable[str]) -> set[str]:
    """Return all that a type may be called by: its name whole, or the end of it."""
    return {name for one in types for name in (one, one.rpartition("/")[2])}


def _known(name: str, known: Iterable[str], what: str, otherwise: str) -> None:
    known = list(known)
    if name.lower() not in (one.lower() for one in known):
        raise Refused(f"{shorten(name)} is no {what}", did_you_mean(name, known) or otherwise)
