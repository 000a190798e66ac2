"""Imports in one thread what looks at several instances would import in threads of their own.

Modules of these packages import each other in circles. Two threads that enter a circle at different
places may each get a module that is half made, and end with an ImportError.
"""

from __future__ import annotations

from collections.abc import Collection

from tenantry.model.spec import TargetKind

__all__ = ["load_for_looks"]


def load_for_looks(targets: Collection[str]) -> None:
    """Import what instances with these targets are looked at with."""
    from cryptography import x509  # noqa: F401 - as all here, for what it imports
    from pg8000 import exceptions, native  # noqa: F401

    from tenantry.adapters import engine_program  # noqa: F401 - pulumi and grpc

    if TargetKind.AZURE in targets:
        import requests  # noqa: F401
        from azure import identity  # noqa: F401
        from azure.core.pipeline.transport import RequestsTransport  # noqa: F401
        from azure.core.rest import HttpRequest  # noqa: F401
