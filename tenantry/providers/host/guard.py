"""Who may reach an instance's ports on the loopback device: nftables.

Every local user can reach every port of 127.0.0.1, and listen on every free one.
A chain per instance, in one table per host, refuses (with a reset) each
connection to a guarded port whose socket does not belong to root or to one of
the given users. It also drops each answer from a guarded port that comes from
anybody else's socket: while an instance is down, a neighbour that takes its port
could otherwise receive its clients' requests from the proxy. IPv4 and IPv6.

Deliberately not done: keeping a neighbour from taking the port at all. The
instance then does not come up, which health shows.

A chain is written in one transaction of the kernel's, so there is no moment
without it. Rules of others are not touched.
"""

# ruff: noqa: ARG002 - the signatures are those of Handler
from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from tenantry.errors import FailedError, RefusedError
from tenantry.providers.handler import Inputs, Observed, check_known
from tenantry.providers.host.executor import Executor
from tenantry.providers.host.layout import HostLayout
from tenantry.providers.host.supervisor import locked

__all__ = ["Guard", "chains", "observe"]

_FOREIGN: Mapping[str, Any] = {"port": 0, "uids": []}  # stands for rules that are not ours


def _table(layout: HostLayout) -> str:
    return f"tenantry_{layout.host_id}"


def chains(executor: Executor, layout: HostLayout) -> Sequence[str]:
    """Return the instances that have a chain, by opaque name."""
    listed = _list(executor, ["table", "inet", _table(layout)])
    return sorted(item["chain"]["name"] for item in listed if "chain" in item)


def observe(executor: Executor, layout: HostLayout, opaque: str) -> list[dict[str, Any]] | None:
    """Return the rules of an instance as the kernel holds them; None without a chain.

    What is not of our form, or lacks its other half, reads as port 0, so that it
    shows as a difference.
    """
    listed = _list(executor, ["chain", "inet", _table(layout), opaque])
    chain = next((item["chain"] for item in listed if "chain" in item), None)
    if chain is None:
        return None
    if chain.get("hook") != "output":
        return [dict(_FOREIGN)]
    return _paired([_half(item["rule"].get("expr", [])) for item in listed if "rule" in item])


def _list(executor: Executor, what: Sequence[str]) -> list[dict[str, Any]]:
    ran = executor.run(["nft", "-j", "list", *what], effect=False, check=False)
    if ran.code != 0:
        if "No such file" in ran.err:
            return []
        raise FailedError(
            f"nft cannot be read: {ran.err.strip()[-200:]}", hint="run: nft list tables", code="nft-failed"
        )
    return list(json.loads(ran.out)["nftables"])


def _paired(halves: Sequence[_Half]) -> list[dict[str, Any]]:
    """Return one rule for each two halves that say the same of connections and of answers."""
    asked, answered = halves[::2], halves[1::2]
    if len(asked) != len(answered):
        return [dict(_FOREIGN)]
    whole = [
        one.uids is not None and (one.field, one.verdict, other) == ("dport", "reject", one.turned())
        for one, other in zip(asked, answered, strict=True)
    ]
    return [
        {"port": one.port, "uids": one.uids} if good else dict(_FOREIGN)
        for one, good in zip(asked, whole, strict=True)
    ]


@dataclass(frozen=True, kw_only=True)
class _Half:
    """One rule of the kernel's: to or from a port, what happens to all but these users."""

    field: str  # "dport": to the port; "sport": from it; "": not of our form
    port: int
    uids: list[int] | None
    verdict: str

    def turned(self) -> _Half:
        """Return the half that goes with this one."""
        return replace(self, field="sport", verdict="drop")


def _half(expressions: Sequence[Mapping[str, Any]]) -> _Half:
    matches = [part["match"] for part in expressions if "match" in part]
    verdicts = [name for part in expressions for name in ("reject", "drop") if name in part]
    ports = [
        (m["left"]["payload"].get("field", ""), m["right"])
        for m in matches
        if "payload" in m["left"] and m["op"] == "=="
    ]
    users = [
        m["right"] for m in matches if m["left"].get("meta", {}).get("key") == "skuid" and m["op"] == "!="
    ]
    on_loopback = any(
        m["left"].get("meta", {}).get("key") == "oif" and m["right"] == "lo" and m["op"] == "=="
        for m in matches
    )
    ours = on_loopback and len(ports) == len(users) == len(verdicts) == 1 and len(matches) == 3  # noqa: PLR2004
    if not ours:
        return _Half(field="", port=0, uids=None, verdict="")
    allowed = users[0]["set"] if isinstance(users[0], dict) else [users[0]]
    field, port = ports[0]
    return _Half(field=field, port=port, uids=sorted(_spread(allowed)), verdict=verdicts[0])


def _spread(allowed: Sequence[Any]) -> set[int]:
    """Return the numbers of a set; neighbours are listed as a range. Names are their numbers."""
    found: set[int] = set()
    for item in allowed:
        if isinstance(item, dict) and "range" in item:
            first, last = item["range"]
            found |= set(range(int(first), int(last) + 1))
        elif isinstance(item, int):
            found.add(item)
        else:
            found.add(0 if item == "root" else -1)
    return found - {0}


class Guard:
    """The chain of one instance.

    Inputs: opaque, rules [{port, uids}]; root may always connect. Outputs: enforced.
    """

    type: ClassVar[str] = "Guard"
    holds_data: ClassVar[bool] = False
    replace_on: ClassVar[frozenset[str]] = frozenset({"opaque"})
    secret_inputs: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, executor: Executor, layout: HostLayout) -> None:
        """Keep what is needed."""
        self._executor = executor
        self._layout = layout

    def check(self, inputs: Inputs) -> Sequence[tuple[str, str]]:
        """Return (property, what is wrong) pairs."""
        return check_known(inputs, ("opaque", "rules"))

    def create(self, inputs: Inputs) -> tuple[str, dict[str, Any]]:
        """Write the chain whole, and read it back.

        Raises:
            RefusedError: we are not root.
            FailedError: the kernel did not take it.
        """
        if os.geteuid() != 0:
            raise RefusedError("only root can guard ports", hint="run it as root, or without the guard")
        opaque, wanted = str(inputs["opaque"]), _normal(inputs["rules"])
        with locked(self._layout.runtime / ".guard.lock"):
            self._executor.run(["nft", "-f", "-"], stdin=self._script(opaque, wanted))
        if observe(self._executor, self._layout, opaque) != wanted:
            raise FailedError(
                f"the rules of {opaque} are not in force after they were set",
                hint=f"look: nft list table inet {_table(self._layout)}",
                code="guard-not-enforced",
            )
        return opaque, {"enforced": True}

    def read(self, resource_id: str, inputs: Inputs) -> Observed | None:
        """Ask the kernel for the rules."""
        found = observe(self._executor, self._layout, resource_id)
        if found is None:
            return None
        same = found == _normal(inputs["rules"])
        rules = inputs["rules"] if same else found
        return Observed(inputs={**inputs, "rules": rules}, outputs={"enforced": same})

    def update(self, resource_id: str, old: Inputs, new: Inputs) -> dict[str, Any]:
        """Write the chain again, whole."""
        return self.create(new)[1]

    def delete(self, resource_id: str, inputs: Inputs) -> None:
        """Remove the chain, and the table with the last one."""
        with locked(self._layout.runtime / ".guard.lock"):
            there = chains(self._executor, self._layout)
            table = _table(self._layout)
            if list(there) == [resource_id]:
                self._executor.run(["nft", "delete", "table", "inet", table])
            elif resource_id in there:
                text = f"flush chain inet {table} {resource_id}\ndelete chain inet {table} {resource_id}\n"
                self._executor.run(["nft", "-f", "-"], stdin=text)

    def _script(self, opaque: str, rules: Sequence[Mapping[str, Any]]) -> str:
        chain = f"inet {_table(self._layout)} {opaque}"
        lines = [
            f"add table inet {_table(self._layout)}",
            # Made, deleted and made: a chain of that name without our hook would stay without it.
            f"add chain {chain}",
            f"flush chain {chain}",
            f"delete chain {chain}",
            f"add chain {chain} {{ type filter hook output priority filter; policy accept; }}",
        ]
        for rule in rules:
            users = ", ".join(str(uid) for uid in [0, *rule["uids"]])
            others = f"meta skuid != {{ {users} }}"
            lines.append(f'add rule {chain} oif "lo" tcp dport {rule["port"]} {others} reject with tcp reset')
            lines.append(f'add rule {chain} oif "lo" tcp sport {rule["port"]} {others} drop')
        return "\n".join(lines) + "\n"


def _normal(rules: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"port": int(rule["port"]), "uids": sorted({int(uid) for uid in rule["uids"]} - {0})}
        for rule in rules
    ]
