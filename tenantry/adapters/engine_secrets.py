"""What the secrets of a stack are under, as its checkpoint says.

The engine makes a stack with three writes: a checkpoint that says nothing, one that says what
its secrets are under, and the settings ``Pulumi.<stack>.yaml``. What finds a stack without
the second takes it for one under a passphrase; so it counts as not made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from tenantry.errors import RefusedError

__all__ = ["PASSPHRASE", "is_made", "settings"]

PASSPHRASE: Final = "passphrase"  # noqa: S105 - the engine's word for this provider


def is_made(latest: Mapping[str, Any]) -> bool:
    """Say whether a checkpoint is of a stack that was made to its end, or that holds anything."""
    return any(latest.get(part) for part in ("secrets_providers", "resources", "pending_operations"))


def settings(stack: str, latest: Mapping[str, Any], *, provider: str) -> str:
    """Return the lines that the settings of a stack must have; "" where its checkpoint says nothing.

    Args:
        stack: its name.
        latest: of its checkpoint.
        provider: what its secrets must be under, in the engine's words; of a key any version.

    Raises:
        RefusedError: they are under something else.
    """
    told = (latest.get("secrets_providers") or {}).get("state") or {}
    if provider == PASSPHRASE and not told:
        return ""  # the engine makes its salt, under the passphrase that it is given
    if provider == PASSPHRASE and "salt" in told:
        return f"encryptionsalt: {told['salt']}\n"
    if "encryptedkey" in told and _key(str(told.get("url"))) == _key(provider):
        return f"secretsprovider: {told['url']}\nencryptedkey: {told['encryptedkey']}\n"
    found = str(told.get("url") or ("a passphrase" if "salt" in told else "nothing that it names"))
    raise RefusedError(
        f"the secrets of stack {stack} are under {found}, not under {provider}",
        hint="put azure.state in tenantry.yaml back as it was when the instance was made "
        "(of its key any version will do), or erase the instance and deploy it anew",
        code="state-key",
    )


def _key(url: str) -> tuple[str, ...]:
    """Return what names a key, without its version."""
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower(), *parts.path.lower().split("/")[:3]
