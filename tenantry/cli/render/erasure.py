"""What ``erase run`` prints for people: one line per type of asset; the JSON has every asset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tenantry.cli.render.table import REHEARSAL, cell, details, table

__all__ = ["erased", "status", "ticked"]

_SHOWN = 3  # ids of a type
_COLUMNS = ["type", "assets", "absent", "method", "what"]


def erased(data: Mapping[str, Any]) -> str:
    """Show what would be erased, or what was proved and what stays."""
    if "would_erase" in data:
        rows = [_told(kind, assets) for kind, assets in _by_type(data["would_erase"])]
        would = (
            f"Would erase {data['name']} ({data['client']}){f'; {REHEARSAL}' if data['rehearsal'] else ''}:\n"
        )
        return would + table(rows, ["type", "assets", "what"])
    head = details([("instance", data["name"]), *_of_cloud(data), ("state", data["state"])])
    proofs = table([_proved(kind, assets) for kind, assets in _by_type(data["assets"])], _COLUMNS)
    return f"{head}\n\n{proofs}\n\n" + _residues(data["residues"]) + _records(data["dns_records"])


def status(data: Mapping[str, Any]) -> str:
    """Show what is kept of one erased instance."""
    until = "nothing recoverable" if data["nothing_recoverable"] else cell(data["recoverable_until"])
    head = details(
        [
            ("instance", data["name"]),
            *_of_cloud(data),
            ("deleted", cell(data["deleted_at"])),
            ("recoverable until", until or "no date is known"),
            ("seen", cell(data["seen_at"])),
        ]
    )
    if not data["residues"]:
        return f"{head}\n\nNothing is kept of it."
    return f"{head}\n\n" + table([_kept(row) for row in data["residues"]], _KEPT)


def _of_cloud(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [("cloud", REHEARSAL)] if data["rehearsal"] else []


def ticked(data: Mapping[str, Any]) -> str:
    """Show what was due, and what was seen."""
    if not data["erased"]:
        return "Nothing was due."
    return "\n\n".join(status(one) for one in data["erased"])


_KEPT = ["what", "kind", "until", "observed"]


def _kept(row: Mapping[str, Any]) -> dict[str, Any]:
    name = row["asset"].rpartition("/")[2] if row["type"] != "file" else row["asset"]
    return {"what": f"{row['type'].rpartition('/')[2]} {name}", "kind": row["kind"],
            "until": cell(row["until"]), "observed": row["observed"]}  # fmt: skip


def _by_type(assets: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[Mapping[str, Any]]]]:
    kinds: dict[str, list[Mapping[str, Any]]] = {}
    for asset in assets:
        kinds.setdefault(asset["type"], []).append(asset)
    return sorted(kinds.items())


def _told(kind: str, assets: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a row; the id "type:*" stands for having looked and found none."""
    ids = [_short(asset["id"]) for asset in assets if not asset["id"].endswith(":*")]
    more = f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
    return {"type": kind, "assets": len(ids), "what": ", ".join(ids[:_SHOWN]) + more}


def _short(identity: str) -> str:
    """Return an id without its type: what follows a colon, or the name at the end of a path of Azure's."""
    return identity.rpartition("/")[2] if identity.startswith("/") else identity.partition(":")[2]


def _proved(kind: str, assets: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    left = [asset for asset in assets if asset["absent"] is not True]
    unseen = sum(asset["absent"] is None for asset in left)
    row = _told(kind, left or assets)  # what is left matters more than what is gone
    counts = [(len(left) - unseen, "still there"), (unseen, "not seen")]
    row["absent"] = ", ".join(f"{count} {word}" for count, word in counts if count) or "yes"
    row["assets"] = _told(kind, assets)["assets"]
    row["method"] = ", ".join(sorted({asset["method"] for asset in assets if asset["method"]}))
    return row


def _records(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return ""
    return (
        "\nStill to do: have these removed from the DNS, or somebody else may take the name over:"
        + "".join(f"\n  {row['type']} {row['name']} → {row['value']}" for row in rows)
    )


def _until(date: Any) -> str:
    return f"until {cell(date)}" if date else "no date of its end is known"


def _residues(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return "Nothing of its name is kept elsewhere."
    return "What is kept elsewhere:\n" + "\n".join(
        f"  {row['where']}, since {cell(row['since'])}, {_until(row['until'])}\n    {row['what']}"
        for row in rows
    )
