"""What many types ask of a body."""

from __future__ import annotations

from typing import Any

from tenantry.sandbox.kinds import ArmFault, Cloud, Resource

__all__ = ["reference", "require", "table"]


def require(resource: Resource, *names: str) -> None:
    """Refuse a body that lacks one of these properties."""
    for name in names:
        if resource.properties.get(name) in (None, "", [], {}):
            raise ArmFault(
                400, "InvalidRequestFormat", f"The property '{name}' is required for {resource.type}."
            )


def reference(cloud: Cloud, block: Any, *, of: str) -> Resource | None:
    """Return the resource that ``{"id": …}`` names, None without a block; refuse one that is not there."""
    wanted = str((block or {}).get("id") or "") if isinstance(block, dict | None) else str(block)
    if not wanted:
        return None
    found = cloud.find(wanted)
    if found is None:
        raise ArmFault(
            400,
            "InvalidResourceReference",
            f"Resource {wanted} referenced by resource {of} was not "
            "found. Please make sure that the referenced resource exists.",
        )
    return found


def table(block: Any) -> dict[str, Any]:
    """Return a block of a body as a dictionary, an empty one for something else."""
    return block if isinstance(block, dict) else {}
