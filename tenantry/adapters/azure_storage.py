"""What clients of a storage account's blobs have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tenantry.errors import TenantryError

__all__ = ["options", "told"]


def options(ca_file: Path | None) -> dict[str, Any]:
    """Return the options of a client: few seconds between tries, and whose word is taken for the server's.

    Args:
        ca_file: what HTTPS is verified with; None: the system's authorities, and the environment's proxy.
    """
    return {
        "retry_total": 4,
        "initial_backoff": 1,  # seconds; Azure's client begins with 15
        "connection_verify": True if ca_file is None else str(ca_file),
        "use_env_settings": ca_file is None,
    }


@contextmanager
def told(as_ours: Callable[[Exception], TenantryError]) -> Iterator[None]:
    """Tell Azure's refusals, and files of the credential that are gone, as errors of ours."""
    from azure.core.exceptions import AzureError

    try:
        yield
    except (AzureError, OSError) as error:
        raise as_ours(error) from None
